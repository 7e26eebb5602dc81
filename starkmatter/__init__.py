"""StarkMatter: a self-hosted trading platform. The version is the newest heading of CHANGELOG.md."""

from starkmatter.cancellation import keep_cancellations
from starkmatter.version import VERSION

__version__ = VERSION

keep_cancellations()
