//! `harness serve`: all runs on a page of this machine's own browser, and every file of each run.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::summary;
use crate::exit::{self, Failure};
use crate::out::print_line;
use crate::store;
use crate::web::{self, Answer, Route};

const PAGE: &str = include_str!("serve.html");

/// Serves until the process is ended.
///
/// # Errors
/// There is no such folder, or the address cannot be had.
pub fn serve(folder: &Path, address: SocketAddr) -> Result<u8, Failure> {
    summary::all(folder)?;
    let folder = folder.canonicalize().map_err(|error| {
        Failure::new(
            exit::MISSING,
            format!("cannot read {}: {error}", folder.display()),
        )
    })?;
    let listener = web::bind(address)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::INTERNAL, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let (listener, address) = web::listen(listener)?;
        print_line!("runs in {}: http://{address}/", folder.display());
        let route: Route = Arc::new(move |path| answer(&folder, path));
        web::serve(listener, route).await;
        Ok(exit::VALID)
    })
}

fn answer(folder: &Path, path: &str) -> Answer {
    let path = path.trim_start_matches('/');
    if path.is_empty() {
        // Runs are read anew for each look: there may be new ones.
        let runs = summary::all(folder).unwrap_or_default();
        let json = serde_json::to_string(&runs).unwrap_or_default();
        // Inside a script only these could end it or begin another; as escapes they mean the same.
        let json = json.replace('<', "\\u003c");
        return Answer::Page(PAGE.replacen("/*RUNS*/[]", &json, 1));
    }
    let wanted = Path::new(path);
    let plain = wanted
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Answer::Missing;
    }
    let file = folder.join(wanted);
    if file.is_dir() {
        let report = PathBuf::from("/").join(wanted).join(store::REPORT);
        return Answer::Moved(report.to_string_lossy().into_owned());
    }
    // A link may lead out of the folder.
    let real = file.canonicalize().ok();
    match real.filter(|real| real.starts_with(folder) && real.is_file()) {
        Some(real) => Answer::File(real, kind(wanted)),
        None => Answer::Missing,
    }
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("jsonl" | "log" | "txt" | "edn") => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::write;
    use super::*;

    #[test]
    fn runs_and_their_files_are_served_and_nothing_outside() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("results");
        std::fs::create_dir(&folder).unwrap();
        write(&folder, "1-a", "no");
        std::fs::write(outer.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(outer.path(), folder.join("out")).unwrap();
        let folder = folder.canonicalize().unwrap();
        let Answer::Page(page) = answer(&folder, "/") else {
            panic!("no page")
        };
        assert!(page.contains("\"name\":\"1-a\""));
        assert!(matches!(
            answer(&folder, "/1-a/plan.json"),
            Answer::File(_, "application/json")
        ));
        assert!(
            matches!(answer(&folder, "/1-a"), Answer::Moved(path) if path == "/1-a/report.html")
        );
        for path in [
            "/../secret",
            "/1-a/../../secret",
            "/out/secret",
            "/1-a/none.json",
        ] {
            assert!(matches!(answer(&folder, path), Answer::Missing), "{path}");
        }
    }

    #[test]
    fn names_of_runs_cannot_end_the_script() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "1-a", "no");
        let plan = r#"{"system": "</script><script>alert(1)</script>"}"#;
        std::fs::write(folder.path().join("1-a").join(store::PLAN), plan).unwrap();
        let Answer::Page(page) = answer(folder.path(), "/") else {
            panic!("no page")
        };
        assert!(!page.contains("<script>alert"));
    }
}
