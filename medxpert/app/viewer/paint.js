// What a stage shows: film, heat map, peak, cross, and the notes in its corners.

const CROSS_PX = 14;

function outlined(context, ratio, trace) {
  for (const [colour, width] of [["#000c", 4], ["#7fe3ff", 1.75]]) {
    context.beginPath();
    trace();
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.stroke();
  }
}

function drawPeak(stage, [y, x]) {
  const { context, ratio } = stage;
  const { left, top, width, height } = stage.box;
  const [across, down, radius] = [left + x * width, top + y * height, 11 * ratio];
  outlined(context, ratio, () => {
    context.moveTo(across + radius, down);
    context.arc(across, down, radius, 0, 2 * Math.PI);
    for (const [i, j] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(across + 0.55 * i * radius, down + 0.55 * j * radius);
      context.lineTo(across + 1.5 * i * radius, down + 1.5 * j * radius);
    }
  });
}

function drawCross(stage, { x, y }) {
  const { context, ratio } = stage;
  const { left, top, width, height } = stage.box;
  const [across, down, arm] = [left + x * width, top + y * height, CROSS_PX * ratio];
  outlined(context, 0.7 * ratio, () => {
    context.moveTo(across - arm, down);
    context.lineTo(across + arm, down);
    context.moveTo(across, down - arm);
    context.lineTo(across, down + arm);
  });
}

function drawFilm(stage, ui) {
  const { context, film, heat } = stage;
  const { left, top, width, height, scale } = stage.box;
  // pixels are shown as they are once they can be told apart
  context.imageSmoothingEnabled = scale < SMOOTH_BELOW_PX;
  context.imageSmoothingQuality = "high";
  context.drawImage(film.render(stage.view), left, top, width, height);
  if (heat && ui.heat) {
    context.imageSmoothingEnabled = true;
    context.globalAlpha = ui.opacity;
    context.drawImage(heat.render(ui.threshold), left, top, width, height);
    context.globalAlpha = 1;
  }
}

/** What the stage says of zoom and window. */
function setting(stage) {
  const { width, centre } = stage.film.measured(stage.view);
  const zoom = Math.round((100 * stage.view.zoom) / stage.actual);
  const inverted = stage.view.invert ? " · inverted" : "";
  return `W ${shortened(width)} · C ${shortened(centre)} · ${zoom} %${inverted}`;
}

function reading(stage) {
  if (!stage.cursor) return "";
  const { film, told, heat, cursor } = stage;
  const [x, y] = [Math.floor(cursor.x * film.width), Math.floor(cursor.y * film.height)];
  const [column, row] = [Math.floor(cursor.x * told.full_width), Math.floor(cursor.y * told.full_height)];
  const over = heat ? ` · heat ${heat.value(cursor).toFixed(2)}` : "";
  return `x ${column} y ${row} · ${told.unit} ${shortened(film.value(x, y))}${over}`;
}

function drawAll(stage, ui) {
  const { context, canvas } = stage;
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawFilm(stage, ui);
  if (stage.told.marker && ui.marker) drawPeak(stage, stage.told.marker);
  if (stage.cursor && stage.cursor.elsewhere) drawCross(stage, stage.cursor);
}

/** Show a stage as it is now; the canvas is drawn only where something on it has changed. */
function paint(stage, ui) {
  if (!stage.film) return;
  const { canvas, view, cursor } = stage;
  const overlays = [ui.heat, ui.opacity, ui.threshold, ui.marker, cursor && cursor.elsewhere ? cursor : null];
  const wanted = JSON.stringify([canvas.width, canvas.height, view, ...overlays]);
  if (wanted !== stage.painted) drawAll(stage, ui);
  stage.painted = wanted;
  stage.setting.textContent = setting(stage);
  stage.reading.textContent = reading(stage);
  stage.legend.hidden = !(stage.heat && ui.heat);
  stage.legendName.textContent = stage.told.heat_label;
  stage.cut.style.left = `${100 * ui.threshold}%`;
}
