//! Every HTTP endpoint as data: path, request, reply, error code, auth class; OpenAPI comes from it.
