-- Which kept image each version and draft is of, as its body says too: one that nothing needs any more is removed.
ALTER TABLE versions ADD COLUMN film TEXT;
ALTER TABLE drafts ADD COLUMN film TEXT;
UPDATE versions SET film = json_extract(body, '$.source') WHERE json_valid(body);
UPDATE drafts SET film = json_extract(body, '$.source') WHERE json_valid(body);
CREATE INDEX versions_by_film ON versions (film, report_id);
