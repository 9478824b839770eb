//! The page goes into the program as it is built: where it was not there before, or is another one, the program is built anew.

use std::io;
use std::path::Path;

const PAGE: &str = "../frontend/dist";

fn main() -> io::Result<()> {
    // What is not there would count as changed, each time.
    std::fs::create_dir_all(Path::new(PAGE))?;
    println!("cargo:rerun-if-changed={PAGE}");
    Ok(())
}
