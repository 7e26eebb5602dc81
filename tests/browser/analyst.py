"""How the stand-in plays an analyst who looks at the book and proposes an order when asked for one."""

from tests.standins.claude import Asked, Reply, say, use

ANSWER = """\
Your book is worth **{equity} USD** [{account}], most of it in cash.

* Buying power is {buying_power} USD [{account}].
* AAPL last traded at {last} USD [{quote}]; the market is {state} [{clock}].

| part | where |
|---|---|
| cash | {cash} USD [{account}] |

A claim without a source [9999], a [link](https://example.org/about), <script>alert(1)</script> and \
![no picture](https://example.org/pixel.png)."""


def analyst(asked: Asked) -> Reply:
    """The next turn, from what has been asked and read so far."""
    questions = [
        message["content"][0]["text"]
        for message in asked.body["messages"]
        if message["role"] == "user" and message["content"][0]["type"] == "text"
    ]
    if not asked.tools:
        return say("AAPL closed near its high of the year. It swings about as much as the index.")
    since = asked.body["messages"][_last_question(asked) :]
    calls = [block["name"] for message in since for block in message["content"] if block["type"] == "tool_use"]
    wants_order = "buy" in questions[-1].lower() or "sell" in questions[-1].lower()
    if not calls:
        reads = ("list_accounts", {}), ("get_quotes", {"symbols": ["AAPL"]}), ("get_clock", {})
        return use(*reads, text="Let me look at your book.", thought="signed", pause_secs=0.03)
    accounts = [fact for fact in asked.facts() if "buying_power" in fact and "mode" in fact]
    account = next((one for one in accounts if one["venue"] == "market"), accounts[-1])
    if wants_order and "propose_order" not in calls:
        ticket = {"account_id": account["id"], "symbol": "AAPL", "side": "buy", "type": "market", "qty": "3"}
        return use(("propose_order", {**ticket, "why": "You asked for three shares of AAPL."}))
    if wants_order:
        fact = asked.facts()[-1]
        return say(
            f"I filled in a ticket for 3 AAPL, about {fact['est_cost']} USD {fact['ref']}. Review it; you send it."
        )
    quote = next(fact for fact in reversed(asked.facts()) if "bid" in fact)
    clock = next(fact for fact in reversed(asked.facts()) if "venue_now" in fact)
    refs = {name: fact["ref"].strip("[]") for name, fact in (("account", account), ("quote", quote), ("clock", clock))}
    words = ANSWER.format(
        **refs,
        equity=account["equity"],
        cash=account["cash"],
        buying_power=account["buying_power"],
        last=quote["last"],
        state=clock["state"],
    )
    cached = {
        "input_tokens": 420,
        "output_tokens": 260,
        "cache_creation_input_tokens": 800,
        "cache_read_input_tokens": 5_200,
    }
    return say(words, usage=cached, pause_secs=0.03)


def _last_question(asked: Asked) -> int:
    return max(
        number
        for number, message in enumerate(asked.body["messages"])
        if message["role"] == "user" and message["content"][-1]["type"] == "text"
    )
