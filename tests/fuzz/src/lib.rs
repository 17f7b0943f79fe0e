//! Fuzz targets and their corpora, one per decoder.
