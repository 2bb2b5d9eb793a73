"""The rules of products, reviews, prices and delisting; pure values, no IO and no clock."""
