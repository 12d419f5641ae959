"""The contract as a document and as a page, made of the routes and of ``quantum/contract``."""
