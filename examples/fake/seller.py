"""A seller in Python that needs only the standard library: it pings, and posts to the
highest bid. A lead is never posted twice, because a post whose answer is lost may have
sold it."""

import http.client
import json
import urllib.error
import urllib.request
from decimal import Decimal


class Unknown(Exception):
    """The lead may have been sold: look it up, and do not post it again."""


class Seller:
    def __init__(self, url, endpoint, auth_token=None):
        self.url, self.endpoint, self.auth_token = url, endpoint, auth_token

    def sell(self, caller_id, **fields):
        """Return the number to dial, or None if no buyer wants the lead."""
        lead = {"caller_id": caller_id, **fields}
        ping = self._send("ping", lead)
        bids = [b for b in ping.get("buyers", []) if "bid_price" in b]
        if not bids:
            return None
        best = max(bids, key=lambda b: b["bid_price"])
        try:
            post = self._send("post", {**lead, "ping_id": best["ping_id"]})
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise Unknown(f"no answer that can be read: {type(e).__name__}") from e
        return post["forwarding_number"] if post.get("success") else None

    def _send(self, what, params):
        if self.auth_token:
            params = {**params, "auth_token": self.auth_token}
        request = urllib.request.Request(
            f"{self.url}/api/v1/inbound_webhooks/{what}/{self.endpoint}",
            data=json.dumps(params).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply, parse_float=Decimal)
