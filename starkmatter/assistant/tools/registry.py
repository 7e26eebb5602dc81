"""Every tool that reads, by name. `propose_order` is not one of them: it belongs to the conversation."""

from starkmatter.assistant.toolbox import Tool
from starkmatter.assistant.tools import book, market, news

READING: tuple[Tool, ...] = (
    *book.TOOLS,
    *market.TOOLS,
    *news.TOOLS,
)
