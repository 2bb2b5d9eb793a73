"""Catalog: cloud products from draft through two reviews to the public directory, and off it again.

Owns products, their editions with price components, reviews, correction orders, delistings and the directory; keeps a
copy of parties. Decides whether a product may be bought, whether with a voucher, and at what ratio.

Messages in: every fact of identity.organisation (the party after the fact).
Messages out, stream catalog.product: ProductDrafted, ProductSubmitted, ProductOpinionGiven, ProductSentBack,
ProductPublished, ProductDelisted.
"""
