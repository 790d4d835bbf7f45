"""What people do in real tabs: acts reach their inbox, refusals come back, and one tab of theirs leads."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page, WebSocketRoute

from realtime.bench.process import Process
from tests.browser.board import set_hidden, walk_to
from tests.support.producing import Poster
from tests.support.waiting import until

# The page's own module, not another copy of it: its address is the one the panels have loaded.
WATCH = """async () => {
  const loaded = performance.getEntriesByType("resource").map((each) => each.name);
  const channel = await import(loaded.find((name) => name.endsWith("/channel.js")));
  window.tideboard = { act: channel.act, leads: null, refused: [] };
  channel.watchLead((leads) => (window.tideboard.leads = leads));
  channel.watchRefusals((refused) => window.tideboard.refused.push(refused));
}"""


def opened(context: BrowserContext, app: Process) -> Page:
    """Open a tab, and listen to its channel."""
    page = context.new_page()
    walk_to(page, f"{app.base_url}/activity")
    page.evaluate(WATCH)
    return page


def wait_until_leads(page: Page, leads: bool) -> None:
    """Wait until a tab knows whether it leads."""
    page.wait_for_function("(leads) => window.tideboard.leads === leads", arg=leads)


def act(page: Page, value: dict[str, Any]) -> bool:
    """Do something in a tab; tell whether it could be said."""
    said: bool = page.evaluate("(value) => window.tideboard.act(value)", value)
    return said


def test_an_act_reaches_the_inbox_and_nonsense_comes_back(
    app: Process, context: BrowserContext, poster: Poster
) -> None:
    """The one is in the gateway, the other is refused with a reason in the tab that asked."""
    page = opened(context, app)
    assert act(page, {"do": "test", "id": "try-1"})
    until(lambda: "test" in poster.get("/api/inbox/local")["inbox"].get("rows", {}), within_s=20)
    assert act(page, {"do": "fly", "id": "try-2"})
    page.wait_for_function("() => window.tideboard.refused.length === 1")
    [refused] = page.evaluate("() => window.tideboard.refused")
    assert refused["id"] == "try-2"
    assert "no act 'fly'" in refused["reason"]


def test_one_of_two_tabs_leads_and_hands_over(app: Process, context: BrowserContext) -> None:
    """The newest leads; a click in the other takes the lead; hidden or closed, the other leads again."""
    one = opened(context, app)
    wait_until_leads(one, True)
    two = opened(context, app)
    wait_until_leads(two, True)
    wait_until_leads(one, False)
    one.mouse.click(700, 5)
    wait_until_leads(one, True)
    wait_until_leads(two, False)
    set_hidden(one, True)
    wait_until_leads(two, True)
    wait_until_leads(one, False)
    set_hidden(one, False)
    wait_until_leads(one, True)
    one.close()
    wait_until_leads(two, True)


def test_without_a_channel_nothing_is_said_and_nobody_leads(app: Process, context: BrowserContext) -> None:
    """A tab that lost its channel knows it, so that it can ask by a rerun instead; when it is back it leads again."""
    sockets: list[WebSocketRoute] = []

    def carried(socket: WebSocketRoute) -> None:
        if len(sockets) == 1:
            socket.close(code=1001, reason="away")
        else:
            sockets.append(socket)
            socket.connect_to_server()

    context.route_web_socket("**/live/channel", carried)
    page = opened(context, app)
    wait_until_leads(page, True)
    sockets[0].close(code=1001, reason="away")
    wait_until_leads(page, False)
    page.wait_for_function("() => window.tideboard.act({do: 'test'}) === false")
    sockets.clear()
    wait_until_leads(page, True)
