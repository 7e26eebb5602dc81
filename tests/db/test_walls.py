"""The second wall: what the web process's connections see and change when a query forgets to name its caller."""

from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest

from starkmatter.db.actor import act_for
from starkmatter.db.database import Database
