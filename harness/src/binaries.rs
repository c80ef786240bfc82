//! The system's binary: built from this workspace when it is ours, and copied into the run's folder.

use std::env;
use std::fs;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::exit::{self, Failure};

/// What a run starts its nodes with. Both files live in the run's folder.
pub struct Binaries {
    /// The system.
    pub system: PathBuf,
    /// The library that is preloaded for clock and disk faults.
    pub shim: PathBuf,
}

/// Where things are built: the workspace and the profile that the harness itself was built in.
struct Workshop {
    workspace: PathBuf,
    target: PathBuf,
    /// The profile's folder, which has its name, but for `dev`, whose is `debug`.
    folder: String,
}

impl Workshop {
    fn find() -> Result<Workshop, Failure> {
        let lost = |what: &str| {
            Failure::new(
                exit::MISSING,
                format!("{what}: run the harness by `cargo run -p harness` in its workspace"),
            )
        };
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .map(Path::to_path_buf);
        let workspace = workspace
            .filter(|folder| folder.join("node/Cargo.toml").is_file())
            .ok_or_else(|| {
                lost("the workspace that the node is built from is not where the harness was built")
            })?;
        let harness = env::current_exe()
            .map_err(|error| lost(&format!("cannot find the harness' own file: {error}")))?;
        let profile = harness
            .parent()
            .filter(|folder| folder.file_name().is_some());
        let target = profile
            .and_then(Path::parent)
            .ok_or_else(|| lost("the harness is not in a target folder"))?;
        let folder = profile.and_then(Path::file_name).unwrap_or_default();
        Ok(Workshop {
            workspace,
            target: target.to_path_buf(),
            folder: folder.to_string_lossy().into_owned(),
        })
    }

    /// Builds packages; answers the folder with the results.
    fn build(
        &self,
        packages: &[&str],
        features: Option<&str>,
        target: &Path,
    ) -> Result<PathBuf, Failure> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(&self.workspace)
            .arg("build")
            .stdin(Stdio::null());
        // What `cargo run` sets for the harness is not meant for the build that the harness starts.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_")
                || text.starts_with("CARGO_MANIFEST")
                || text == "CARGO_PRIMARY_PACKAGE"
            {
                command.env_remove(&name);
            }
        }
        for package in packages {
            command.args(["--package", package]);
        }
        if let Some(features) = features {
            command.args(["--features", features]);
        }
        let profile = if self.folder == "debug" {
            "dev"
        } else {
            &self.folder
        };
        command.args(["--profile", profile]);
        command.arg("--target-dir").arg(target);
        if !std::io::stderr().is_terminal() {
            command.arg("--quiet");
        }
        die_with_us(&mut command);
        let status = command.status().map_err(|error| {
            Failure::new(
                exit::MISSING,
                format!(
                    "cannot run cargo to build {}: {error}",
                    packages.join(" and ")
                ),
            )
        })?;
        if !status.success() {
            let what = packages.join(" and ");
            return Err(Failure::new(
                exit::MISSING,
                format!("cargo could not build {what}: see its messages above"),
            ));
        }
        Ok(target.join(&self.folder))
    }
}

/// The folder that the harness was installed to, its other files beside it; `None`: it is where cargo built it.
pub(crate) fn installed() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    let folder = own.parent()?;
    let built_here = folder.join(".fingerprint").is_dir();
    (!built_here).then(|| folder.to_path_buf())
}

/// Builds what has to be; answers the system, if there is one, and the folder with the shim.
fn built(
    package: Option<&str>,
    named: Option<&Path>,
    bugs: bool,
    say: &dyn Fn(&str),
) -> Result<(Option<PathBuf>, PathBuf), Failure> {
    let shop = Workshop::find()?;
    let system = match (named, package) {
        (Some(named), _) => {
            shop.build(&["shim"], None, &shop.target)?;
            Some(named.to_path_buf())
        }
        (None, Some(package)) if bugs => {
            say(&format!(
                "building {package} with planted bugs, apart from the healthy one (a minute or two the first time)"
            ));
            shop.build(&["shim"], None, &shop.target)?;
            let target = shop.target.join("planted-bugs");
            let built = shop.build(&[package], Some("planted-bugs"), &target)?;
            Some(built.join(package))
        }
        (None, Some(package)) => {
            say(&format!(
                "building {package} (a minute or so the first time)"
            ));
            let built = shop.build(&[package, "shim"], None, &shop.target)?;
            Some(built.join(package))
        }
        (None, None) => None,
    };
    Ok((system, shop.target.join(&shop.folder)))
}

/// Gets the binaries and copies them into `folder/bin`, so that a later build can't change a running cluster.
///
/// One that is not `copied` is used where it is. A system with planted bugs is built in a target folder of its own: it can never be taken for a healthy one.
///
/// # Errors
/// A missing or unexecutable binary, or one that doesn't build: code 66.
pub fn prepare(
    package: Option<&str>,
    named: Option<&Path>,
    bugs: bool,
    copied: bool,
    folder: &Path,
    say: &dyn Fn(&str),
) -> Result<Binaries, Failure> {
    let began = Instant::now();
    let (system, built) = match installed() {
        Some(beside) => {
            let own = package
                .filter(|_| !bugs)
                .map(|package| beside.join(package));
            let system = named.map(Path::to_path_buf).or(own);
            (system, beside)
        }
        None => built(package, named, bugs, say)?,
    };
    let system = system.ok_or_else(|| {
        let text = "this system is not built here: name its binary with --binary";
        Failure::new(exit::MISSING, text)
    })?;
    let bin = folder.join("bin");
    let copy = |from: &Path, name: &str| -> Result<PathBuf, Failure> {
        let to = bin.join(name);
        fs::create_dir_all(&bin)
            .and_then(|()| fs::copy(from, &to))
            .map_err(|error| store_failure(from, &to, &error))?;
        Ok(to)
    };
    let name = system.file_name().map_or_else(
        || "system".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    let binaries = Binaries {
        system: if copied {
            copy(&system, &name)?
        } else {
            system
        },
        shim: copy(&built.join("libshim.so"), "libshim.so")?,
    };
    say(&format!(
        "{name} is ready after {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(binaries)
}

fn store_failure(from: &Path, to: &Path, error: &std::io::Error) -> Failure {
    if from.is_file() {
        crate::store::cannot_write(to, error)
    } else {
        Failure::new(
            exit::MISSING,
            format!(
                "{} is missing: put it there, or use `cargo run -p harness`",
                from.display()
            ),
        )
    }
}

/// Has the kernel kill the command when this thread ends, which is the harness' main thread.
fn die_with_us(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let die =
        || nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(Into::into);
    // SAFETY: between fork and exec the closure makes one system call; it allocates nothing and takes no lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(die);
    }
}

/// A named binary must be an executable file.
///
/// # Errors
/// It is not: code 66.
pub fn check_executable(path: &Path) -> Result<(), Failure> {
    let wrong = |reason: &str| {
        Failure::new(
            exit::MISSING,
            format!(
                "--binary {} {reason}: name an executable file",
                path.display()
            ),
        )
    };
    let facts = fs::metadata(path).map_err(|_| wrong("does not exist"))?;
    if !facts.is_file() {
        return Err(wrong("is not a file"));
    }
    if facts.permissions().mode() & 0o111 == 0 {
        return Err(wrong("is not executable"));
    }
    Ok(())
}
