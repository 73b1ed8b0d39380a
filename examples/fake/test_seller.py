"""Tests of seller.py against the fake: TRACKDRIVE_URL says where it listens."""

import json
import os
import unittest
import urllib.request

from seller import Seller, Unknown

URL = os.environ.get("TRACKDRIVE_URL", "http://127.0.0.1:8080")


def admin(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


class SellerTest(unittest.TestCase):
    def setUp(self):
        admin("POST", "/_reset")
        self.seller = Seller(URL, "sell", auth_token="made-up-token")

    def ledger(self):
        return admin("GET", "/_ledger")["sales"]

    def test_sells_to_the_highest_bid(self):
        number = self.seller.sell("+15555550142", zip="90210")
        [sale] = self.ledger()
        self.assertEqual(sale["buyer_name"], "Buyer B")
        self.assertEqual(sale["payout"], "31.50")
        self.assertEqual(sale["number"], number)

    def test_does_not_sell_without_a_buyer(self):
        for buyer in ("101", "102"):
            admin("POST", "/_endpoints", {"endpoint": "sell", "buyer": buyer, "unavailable": True})
        self.assertIsNone(self.seller.sell("+15555550142"))
        self.assertEqual(self.ledger(), [])

    def test_takes_a_refusal_for_no_sale(self):
        admin("POST", "/_endpoints", {"endpoint": "sell", "buyer": "102", "declines": True})
        self.assertIsNone(self.seller.sell("+15555550142"))
        self.assertEqual(self.ledger(), [])

    def test_does_not_post_again_when_the_answer_is_lost(self):
        for fault in ("drop", "bad_gateway", "html", "truncated", "cut_off"):
            with self.subTest(fault):
                admin("POST", "/_reset")
                admin("POST", "/_faults", {"operation": "post", "fault": fault, "after_acting": True})
                with self.assertRaises(Unknown):
                    self.seller.sell("+15555550142")
                self.assertEqual(len(self.ledger()), 1)
                self.assertEqual(len(admin("GET", "/_requests?operation=post")["requests"]), 1)

    def test_is_refused_after_the_bid_expired(self):
        ping = self.seller._send("ping", {"caller_id": "+15555550142"})
        admin("POST", "/_advance", {"by": "61s"})
        post = self.seller._send("post", {"caller_id": "+15555550142", "ping_id": ping["buyers"][0]["ping_id"]})
        self.assertEqual(post["errors"], ["Ping ID has expired"])

    def test_sends_its_token_where_it_belongs(self):
        self.seller.sell("+15555550142")
        for request in admin("GET", "/_requests")["requests"]:
            self.assertEqual(request["params"]["auth_token"], "[redacted]")
            self.assertNotIn("made-up-token", json.dumps(request))


if __name__ == "__main__":
    unittest.main()
