"""The composition root of the web process: the pages, the guard in front of every event, the mounted API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import reflex as rx

from starkmatter.api.app import lifespan, transformers
from starkmatter.settings import get_settings
from starkmatter.ui.pages.accounts import accounts
from starkmatter.ui.pages.actions import actions
from starkmatter.ui.pages.admin import jobs, people
from starkmatter.ui.pages.alerts import alerts
from starkmatter.ui.pages.allocation import allocation
from starkmatter.ui.pages.approvals import approvals
from starkmatter.ui.pages.assistant import assistant
from starkmatter.ui.pages.audit import audit
from starkmatter.ui.pages.baskets import baskets
from starkmatter.ui.pages.connections import connections
from starkmatter.ui.pages.dashboard import dashboard
from starkmatter.ui.pages.door import DoorState, boundary, forgot, login, not_found, reset, second_step, setup, welcome
from starkmatter.ui.pages.importing import importing
from starkmatter.ui.pages.income import income
from starkmatter.ui.pages.limits import limits
from starkmatter.ui.pages.lots import gains, lots
from starkmatter.ui.pages.markets import markets
from starkmatter.ui.pages.markets_map import market_map
from starkmatter.ui.pages.markets_more import correlation, sessions
from starkmatter.ui.pages.markets_screener import screener
from starkmatter.ui.pages.markets_symbol import market_symbol
from starkmatter.ui.pages.news import feeds, news
from starkmatter.ui.pages.optimizing import optimizing
from starkmatter.ui.pages.orders import orders
from starkmatter.ui.pages.performance import performance
from starkmatter.ui.pages.portfolio import portfolio
from starkmatter.ui.pages.programs import programs
from starkmatter.ui.pages.reports import reports
from starkmatter.ui.pages.security import security
from starkmatter.ui.pages.settings import settings
from starkmatter.ui.pages.trade import trade
from starkmatter.ui.state.actions import ActionsState
from starkmatter.ui.state.admin import JobsState, PeopleState
from starkmatter.ui.state.alerts import AlertsState, CentreState
from starkmatter.ui.state.allocation import AllocationState
from starkmatter.ui.state.approvals import ApprovalsState
from starkmatter.ui.state.assistant import AssistantState
from starkmatter.ui.state.at_broker import BrokerState
from starkmatter.ui.state.attribution import AttributionState, CurrencyState
from starkmatter.ui.state.audit import AuditState
from starkmatter.ui.state.baskets import BasketsState
from starkmatter.ui.state.connections import ConnectionsState, FactorState
from starkmatter.ui.state.correlated import CorrelationState, SessionsState
from starkmatter.ui.state.data_health import DataHealthState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import Guard, deliver_only_to_own_session, wait_for_the_socket_that_goes
from starkmatter.ui.state.importing import ImportState, MappingState
from starkmatter.ui.state.income import IncomeState
from starkmatter.ui.state.limits import LimitsState
from starkmatter.ui.state.live import LiveState
from starkmatter.ui.state.lots import GainsState, LotsState
from starkmatter.ui.state.markets import WatchState
from starkmatter.ui.state.markets_map import MapState
from starkmatter.ui.state.markets_screener import ScreenerState
from starkmatter.ui.state.markets_symbol import SymbolState
from starkmatter.ui.state.moving import MovingState
from starkmatter.ui.state.news import FeedsState, NewsPanelState, NewsState
from starkmatter.ui.state.notices import NoticeState
from starkmatter.ui.state.oidc import IdentitiesState
from starkmatter.ui.state.optimizing import OptimizingState
from starkmatter.ui.state.pages import DashboardState, OrdersState, PortfolioState
from starkmatter.ui.state.performance import PerformanceState
from starkmatter.ui.state.programs import ProgramsState
from starkmatter.ui.state.reports import ReportsState
from starkmatter.ui.state.settings import ReplayState, SettingsState
from starkmatter.ui.state.sharing import SharesState
from starkmatter.ui.state.ticket import TicketState
from starkmatter.ui.state.trade import TradeState

# Runs before the first paint, so that the page never flashes in the other theme.
THEME_SCRIPT = """
window.starkmatterTheme = () => {
  const chosen = localStorage.getItem("sm-theme") || "dark";
  const dark = chosen === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen !== "light";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.dataset.swap = localStorage.getItem("sm-swap") || "false";
};
window.starkmatterTheme();
"""


@asynccontextmanager
async def _serve() -> AsyncIterator[None]:
    async with lifespan(get_settings()):
        yield


app = rx.App(
    stylesheets=["/app.css"],
    head_components=[
        rx.el.script(THEME_SCRIPT),
        rx.el.link(rel="icon", href="/favicon.ico", sizes="32x32"),
        rx.el.link(rel="icon", href="/icon.svg", type="image/svg+xml"),
        rx.el.link(rel="apple-touch-icon", href="/icon-192.png"),
        rx.el.link(rel="manifest", href="/manifest.webmanifest"),
        rx.el.link(rel="preload", href="/fonts/inter.woff2", custom_attrs={"as": "font", "crossOrigin": "anonymous"}),
        rx.el.meta(name="theme-color", content="#0b0e13"),
    ],
    html_lang="en",
    toaster=None,
    # Our own words for a page that fails; our own banner for a lost connection instead of the framework's.
    app_wraps={(55, "ErrorBoundary"): boundary},
    api_transformer=transformers(get_settings()),
)
app.add_middleware(Guard(), index=0)
deliver_only_to_own_session(app)
wait_for_the_socket_that_goes(app)
app.register_lifespan_task(_serve)


def _add_page(page: Callable[[], rx.Component], route: str, title: str, *states: type[rx.State]) -> None:
    """A page in the frame: whenever it is opened the frame, the bell and its own states read everything anew."""
    loads = [state.load for state in (FrameState, CentreState, NoticeState, *states)]
    app.add_page(page, route=route, title=f"{title} · StarkMatter", on_load=loads)


_add_page(dashboard, "/", "Dashboard", DashboardState, NewsPanelState)
_add_page(markets, "/markets", "Watchlists", WatchState)
_add_page(market_map, "/markets/map", "Heat map", MapState)
_add_page(screener, "/markets/screener", "Screener", ScreenerState)
_add_page(correlation, "/markets/correlation", "Correlation", CorrelationState)
_add_page(sessions, "/markets/sessions", "Sessions", SessionsState)
_add_page(market_symbol, "/markets/[symbol]", "Symbol", SymbolState)
_add_page(trade, "/trade/[symbol]", "Trade", TradeState, TicketState, NewsPanelState)
_add_page(portfolio, "/portfolio", "Portfolio", PortfolioState, BrokerState)
_add_page(performance, "/portfolio/performance", "Performance", PerformanceState, AttributionState, CurrencyState)
_add_page(allocation, "/portfolio/allocation", "Allocation", AllocationState)
_add_page(optimizing, "/portfolio/optimize", "Optimize", OptimizingState)
_add_page(lots, "/portfolio/lots", "Lots", LotsState, MovingState)
_add_page(gains, "/portfolio/gains", "Realized gains", GainsState)
_add_page(actions, "/portfolio/actions", "Corporate actions", ActionsState)
_add_page(income, "/portfolio/income", "Income", IncomeState)
_add_page(importing, "/portfolio/import", "Import", ImportState, MappingState)
_add_page(reports, "/portfolio/reports", "Reports", ReportsState)
_add_page(orders, "/orders", "Orders", OrdersState)
_add_page(approvals, "/approvals", "Approvals", ApprovalsState)
_add_page(baskets, "/baskets", "Baskets", BasketsState)
_add_page(news, "/news", "News", NewsState)
_add_page(assistant, "/assistant", "Assistant", AssistantState)
_add_page(alerts, "/alerts", "Alerts", AlertsState)
_add_page(settings, "/settings", "Settings", SettingsState, ReplayState)
_add_page(accounts, "/settings/accounts", "Accounts", SharesState)
_add_page(limits, "/settings/limits", "Limits", LimitsState, LiveState)
_add_page(security, "/settings/security", "Security", SettingsState, FactorState, IdentitiesState)
_add_page(programs, "/settings/programs", "Programs", ProgramsState)
_add_page(connections, "/settings/connections", "Connections", ConnectionsState, DataHealthState)
_add_page(feeds, "/settings/news", "News feeds", FeedsState)
_add_page(jobs, "/admin", "Jobs", JobsState)
_add_page(people, "/admin/people", "People", PeopleState)
_add_page(audit, "/admin/audit", "Audit log", AuditState)
app.add_page(login, route="/login", title="Sign in · StarkMatter", on_load=DoorState.load)
app.add_page(second_step, route="/login/code", title="One more step · StarkMatter")
app.add_page(forgot, route="/forgot", title="Forgotten passphrase · StarkMatter")
app.add_page(reset, route="/reset", title="New passphrase · StarkMatter")
app.add_page(setup, route="/setup", title="Set up · StarkMatter", on_load=DoorState.load)
app.add_page(welcome, route="/welcome", title="Welcome · StarkMatter")
app.add_page(not_found, route="/404", title="Not found · StarkMatter")
