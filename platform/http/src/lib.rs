//! Serves and calls `api` endpoints: signatures, problem details, limits.
