"""What has to have been read before the order in the ticket is sent, and whether it was."""

import reflex as rx

from starkmatter.domain.cautions import Caution
from starkmatter.ui.state.guard import allow
from starkmatter.ui.state.rows import Row


class CautionState(rx.State):
    """The warnings of the ticket as they stand; another one takes the tick away."""

    cautions: list[Row] = []
    read: bool = False
    asked: int = 0
    """How often the tick was taken away: the box is another one each time, and empty."""

    @rx.event
    @allow("user")
    def tick(self, read: bool) -> None:
        """Read, or not."""
        self.read = read

    def _show(self, found: list[Caution]) -> None:
        rows: list[Row] = [{"code": one.code, "text": one.text} for one in found]
        if {row["code"] for row in rows} - {row["code"] for row in self.cautions}:
            self.read, self.asked = False, self.asked + 1
        self.cautions = rows

    def _drop(self, code: str) -> None:
        """One that does not hold for this order after all."""
        self.cautions = [row for row in self.cautions if row["code"] != code]

    def _codes(self) -> list[str]:
        """The codes that were read."""
        return [row["code"] for row in self.cautions] if self.read else []
