mod export;
mod properties;
mod vectors;
