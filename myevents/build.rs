//! The page goes into the program as it is built: where it was not there before, or is another one, the program is built anew.

fn main() {
    println!("cargo:rerun-if-changed=../frontend/dist");
}
