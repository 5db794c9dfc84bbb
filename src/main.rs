//! Which exit code do these arguments lead to?

fn main() -> std::process::ExitCode {
    crosstie::cli::main()
}
