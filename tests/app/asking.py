"""The search screen, drawn without a browser: ask, and read what was found and said."""

QUERY = "left pleural effusion"


def said(drawn) -> str:
    return "\n".join(one.proto.body for one in drawn.get("html") if hasattr(one.proto, "body"))


def found(drawn):
    assert not drawn.exception
    return drawn.session_state["search.held"][1].found


def asked(drawn, text=QUERY):
    drawn.text_input(key="search.query").set_value(text)
    return drawn.button(key="search.go").click().run()
