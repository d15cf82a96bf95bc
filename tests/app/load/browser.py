"""A browser without a picture: streamlit's protocol spoken over a real websocket."""

import http.client
import re
import socket
from dataclasses import dataclass, field
from uuid import uuid4

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

XSRF = "_streamlit_xsrf"


class Answer:
    """What a server answered: its status and headers."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.content = response.read()


def request(port, method, path, content=b"", headers=None, host="127.0.0.1"):
    """Ask a server of this machine."""
    link = http.client.HTTPConnection(host, port, timeout=30)
    try:
        link.request(method, path, content, headers or {})
        return Answer(link.getresponse())
    finally:
        link.close()


def xsrf(port):
    """Return the token that a page reads from its cookie."""
    cookie = request(port, "GET", "/_stcore/health").headers["Set-Cookie"]
    return re.search(f"{XSRF}=([^;]*)", cookie).group(1)


def multipart(name, content):
    """Return the body and the headers of a form with one file."""
    edge = uuid4().hex
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{quoted}"; filename="{quoted}"\r\n'
    body = head.encode() + b"Content-Type: image/png\r\n\r\n" + content + f"\r\n--{edge}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={edge}"}


@dataclass
class Page:
    """What one run of the script drew."""

    elements: dict = field(default_factory=dict)
    told: object = None
    session_id: str = ""
    query: str = ""

    def of(self, kind):
        """Return all elements of a kind, in the order of the page."""
        return [getattr(one, kind) for _, one in sorted(self.elements.items()) if one.WhichOneof("type") == kind]

    def widget(self, kind, key):
        """Return the id of the widget with this user key."""
        return next(one.id for one in self.of(kind) if one.id.endswith(f"-{key}"))

    @property
    def text(self):
        """All that can be read on the page."""
        shown = (getattr(one, one.WhichOneof("type")) for _, one in sorted(self.elements.items()))
        parts = [one.body for one in shown if "body" in one.DESCRIPTOR.fields_by_name]
        return "\n".join(parts)


class Browser:
    """One session."""

    def __init__(self, port, path="", query="", headers=None, origin=None, host=None):
        self.port, self.path, self.query = port, path, query
        self.token = xsrf(port)
        self.cached, self.widgets, self.page_hash = {}, {}, ""
        named = dict(headers or {})
        named["Cookie"] = "; ".join([f"{XSRF}={self.token}", *([named["Cookie"]] if "Cookie" in named else [])])
        self.link = connect(
            f"ws://{host or f'127.0.0.1:{port}'}/_stcore/stream",
            sock=socket.create_connection(("127.0.0.1", port)),
            origin=origin or f"http://127.0.0.1:{port}",
            subprotocols=["streamlit", self.token],
            additional_headers=named,
            max_size=None,
            compression=None,
            open_timeout=60,
        )
        self.page = self.rerun()

    def rerun(self, timeout=120):
        """Run the script with the widgets as they are."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash = self.query, self.page_hash
        state.page_name = "" if self.page_hash else self.path
        state.cached_message_hashes.extend(self.cached)
        for name, (kind, value) in self.widgets.items():
            widget = state.widget_states.widgets.add(id=name)
            if kind == "file_uploader_state_value":
                widget.file_uploader_state_value.CopyFrom(value)
            else:
                setattr(widget, kind, value)
        self.link.send(message.SerializeToString())
        # a trigger is pressed once
        self.widgets = {name: one for name, one in self.widgets.items() if one[0] != "trigger_value"}
        self.page = self._drawn(timeout)
        return self.page

    def press(self, key):
        """Press a button."""
        self.widgets[self.page.widget("button", key)] = ("trigger_value", True)
        return self.rerun()

    def drop(self, kind_key, name, content):
        """Drop a file on an uploader and run the script."""
        place = self.page.widget("file_uploader", kind_key)
        urls = self._urls(name)
        sent = self.put(urls.upload_url, name, content)
        assert sent.status == 204, (sent.status, sent.content)
        state = BackMsg().rerun_script.widget_states.widgets.add().file_uploader_state_value
        state.uploaded_file_info.add(name=name, size=len(content), file_id=urls.file_id, file_urls=urls)
        self.widgets[place] = ("file_uploader_state_value", state)
        return self.rerun()

    def put(self, path, name, content, **headers):
        """Send a file as the page's script does."""
        body, kind = multipart(name, content)
        proven = {"X-Xsrftoken": self.token, "Cookie": f"{XSRF}={self.token}"}
        return request(self.port, "PUT", path, body, {**kind, **proven, **headers})

    def _urls(self, name):
        message = BackMsg()
        asked = message.file_urls_request
        asked.request_id, asked.session_id = uuid4().hex, self.page.session_id
        asked.file_names.append(name)
        self.link.send(message.SerializeToString())
        while True:
            told = self._next(30)
            if told.WhichOneof("type") == "file_urls_response":
                return told.file_urls_response.file_urls[0]

    def _next(self, timeout):
        message = ForwardMsg.FromString(self.link.recv(timeout))
        if message.WhichOneof("type") == "ref_hash":
            whole = ForwardMsg()
            whole.CopyFrom(self.cached[message.ref_hash])
            whole.metadata.CopyFrom(message.metadata)
            return whole
        if message.metadata.cacheable:
            self.cached[message.hash] = message
        return message

    def _drawn(self, timeout):
        page = Page(session_id=getattr(getattr(self, "page", None), "session_id", ""))
        while True:
            message = self._next(timeout)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                page = Page(told=message.new_session, session_id=message.new_session.initialize.session_id)
                self.page_hash = message.new_session.page_script_hash
            elif kind == "navigation":
                self.page_hash = message.navigation.page_script_hash
            elif kind == "page_info_changed":
                self.query = page.query = message.page_info_changed.query_string
            elif kind == "delta":
                self._take(page, message)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                return page

    def _take(self, page, message):
        place = tuple(message.metadata.delta_path)
        if message.delta.WhichOneof("type") == "new_element":
            page.elements[place] = message.delta.new_element

    def close(self):
        """Leave."""
        self.link.close()
