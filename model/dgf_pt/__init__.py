"""DGF-PT (section 4 of the paper): encoder, dual-gated fusion, decoder, objective."""
