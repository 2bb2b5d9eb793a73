"""The order service: the order row decides every race of a purchase, a refund and a claim.

Owns orders and their lines, the accepted agreement, contract and delivery records, refund requests, complaints,
evaluations, and the sagas of purchase, refund and claim. Keeps copies of parties, ties, offers and balances.
Messages in: identity.organisation, identity.affiliation, catalog.product, voucher.account, settlement.claim, and the
replies of voucher and settlement. Messages out: the facts of order.order, the commands of voucher and settlement.
"""
