"""Settlement: is this claim paid, and how much.

Owns claims, their evidence, claim windows, first review, bureau review, questions with their three working days,
appropriations and payments. Source: A22 to A25, R10, R76 to R81, Q13 to Q17, Q22.

In: identity's organisation and affiliation facts and order's order facts (local copies), the claim saga's `OpenItem`
and `RefuseItem`.
Out: `ClaimSubmitted`, `ClaimItemEnded`, `ClaimAdvanced`, `ClaimPaid`; replies `ItemOpened`, `ItemRefused`.
"""
