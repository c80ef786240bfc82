//! The library in real programs: a puppet of ours, and whatever else the machine has.

mod puppet;

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use puppet::{Puppet, puppet_command};

const HOUR: i64 = 3_600_000_000_000;

/// Builds the library as it is now.
fn library() -> Library {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        // target/PROFILE/deps/harness-HASH
        let target = std::env::current_exe()
            .unwrap()
            .ancestors()
            .nth(3)
            .unwrap()
            .to_path_buf();
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--offline",
                "-p",
                "shim",
                "--target-dir",
            ])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success());
        target.join("debug/libshim.so")
    });
    Library::at(path).unwrap()
}

/// A page and a data folder.
struct Bench {
    shim: Shim,
    library: Library,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::create_dir(folder.path().join("data-of-another")).unwrap();
        let shim = Shim::create(&folder.path().join("page"), &folder.path().join("data")).unwrap();
        Bench {
            shim,
            library: library(),
            folder,
        }
    }

    fn data(&self, name: &str) -> String {
        self.folder
            .path()
            .join("data")
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// What a program prints, and whether it succeeded.
    fn run(&self, program: &str, arguments: &[&str]) -> (String, bool) {
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C");
        self.shim.preload(&mut command, &self.library);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).to_string()
            + &String::from_utf8_lossy(&output.stderr);
        (text, output.status.success())
    }

    fn puppet(&self) -> Puppet {
        let mut command = puppet_command();
        self.shim.preload(&mut command, &self.library);
        Puppet::start(command)
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

/// The same, give or take the time that a busy machine loses.
fn near(a: i64, b: i64) -> bool {
    (a - b).abs() < 120
}

#[test]
fn every_wall_clock_moves_at_once_and_the_monotonic_one_never() {
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    let monotonic = puppet.ask("clock")[5];
    for offset in [0, HOUR, -HOUR, 0] {
        bench.shim.set_clock_offset(offset);
        let clocks = puppet.ask("clock");
        let wanted = now() + offset / 1_000_000_000;
        assert!(
            clocks[..5].iter().all(|clock| near(*clock, wanted)),
            "{clocks:?} {wanted}"
        );
        assert!(near(clocks[5], monotonic));
    }
    let effect = bench.shim.effect();
    assert_eq!((effect.attached, effect.clock_reads_skewed), (1, 10));
    assert_eq!(effect.to_string(), "10 clock readings skewed");
}

#[test]
fn a_monotonic_clock_runs_at_the_rate_that_it_is_given_and_keeps_what_it_gained() {
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    let begin = puppet.ask("monotonic");
    // Twice as fast, half as fast, then right again: what is gained is what the true clock told, by the rate.
    for (ppm, percent) in [(1_000_000, 100), (-500_000, -50), (0, 0)] {
        bench.shim.set_clock_rate(ppm);
        let before = puppet.ask("monotonic");
        std::thread::sleep(std::time::Duration::from_millis(300));
        let after = puppet.ask("monotonic");
        let real = after[3] - before[3];
        for clock in 0..3 {
            let gained = after[clock] - before[clock] - real;
            let off = gained - real * percent / 100;
            assert!(
                off.abs() < real / 10,
                "clock {clock} at {percent} %: {off} of {real} ns"
            );
        }
    }
    let (now, effect) = (puppet.ask("monotonic"), bench.shim.effect());
    let gained = (now[0] - begin[0]) - (now[3] - begin[3]);
    assert!(effect.clock_reads_rated >= 12, "{effect:?}");
    let off = gained - effect.gained_ns;
    assert!(off.abs() < 100_000_000, "{gained} ns seen, {effect:?}");
}

#[test]
fn a_monotonic_clock_never_goes_back_while_its_rate_changes() {
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| puppet.ask("race"));
        let mut changes = 0;
        while !reader.is_finished() {
            for ppm in [900_000, -900_000, 0, -10_000, 40_000] {
                bench.shim.set_clock_rate(ppm);
                changes += 1;
            }
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
        assert!(changes > 100, "{changes}");
        assert_eq!(reader.join().unwrap(), [0]);
    });
}

#[test]
fn waits_run_at_the_clocks_own_rate() {
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    bench.shim.set_clock_rate(-750_000);
    assert!(puppet.ask("wait 20")[0] >= 80_000);
    bench.shim.heal();
    assert!(puppet.ask("wait 20")[0] >= 20_000);
}

#[test]
fn a_clock_before_1970_stands_at_its_beginning() {
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    bench.shim.set_clock_offset(i64::MIN);
    assert_eq!(puppet.ask("clock")[..5], [0; 5]);
}

#[test]
fn the_sync_that_is_named_fails_and_no_other() {
    const BROKEN: i64 = libc::EIO as i64;
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    let order = format!("disk {}", bench.data("log"));
    let elsewhere = bench.folder.path().join("data-of-another/log");
    bench.shim.set_sync_error(4);
    assert_eq!(
        puppet.ask(&format!("disk {}", elsewhere.display())),
        [0; 11],
        "it counts its own syncs only"
    );
    assert_eq!(puppet.ask(&order), [0; 11]);
    assert!(bench.shim.sync_error_pending());
    let mut fails = [0; 11];
    fails[9] = BROKEN;
    assert_eq!(puppet.ask(&order), fails);
    assert!(!bench.shim.sync_error_pending());
    assert_eq!(puppet.ask(&order), [0; 11]);
    assert_eq!(bench.shim.effect().syncs_failed, 1);
    assert_eq!(bench.shim.effect().to_string(), "syncs failed: 1");
}

#[test]
fn a_full_disk_refuses_everything_that_takes_space_until_it_is_healed() {
    const FULL: i64 = libc::ENOSPC as i64;
    let bench = Bench::new();
    let mut puppet = bench.puppet();
    let order = format!("disk {}", bench.data("log"));
    assert_eq!(puppet.ask(&order), [0; 11]);
    bench.shim.set_disk_full(true);
    assert_eq!(puppet.ask(&order), [[FULL; 10].as_slice(), &[0]].concat());
    let effect = bench.shim.effect();
    assert_eq!((effect.writes_refused, effect.syncs_refused), (8, 2));
    bench.shim.heal();
    assert_eq!(puppet.ask(&order), [0; 11]);
    assert_eq!(bench.shim.effect() - effect, Effect::default());
}

#[test]
fn only_regular_files_below_the_folder_are_on_the_full_disk() {
    let bench = Bench::new();
    bench.shim.set_disk_full(true);
    let mut puppet = bench.puppet();
    for outside in ["elsewhere", "data-of-another/log"] {
        let path = bench.folder.path().join(outside);
        assert_eq!(puppet.ask(&format!("disk {}", path.display())), [0; 11]);
    }
    // A link into the folder leads into it.
    let link = bench.folder.path().join("link");
    std::os::unix::fs::symlink(bench.data("log"), &link).unwrap();
    assert_eq!(
        puppet.ask(&format!("disk {}", link.display()))[0],
        i64::from(libc::ENOSPC)
    );
}

#[test]
fn programs_of_others_see_another_time_and_a_full_disk() {
    let bench = Bench::new();
    bench.shim.set_clock_offset(HOUR);
    let (time, _) = bench.run("date", &["+%s"]);
    assert!(near(time.trim().parse().unwrap(), now() + 3600), "{time}");
    let to = format!("of={}", bench.data("dd"));
    let dd = [
        "if=/dev/zero",
        to.as_str(),
        "bs=4096",
        "count=4",
        "conv=fsync",
    ];
    assert!(bench.run("dd", &dd).1);
    bench.shim.set_disk_full(true);
    let (said, ended_well) = bench.run("dd", &dd);
    assert!(
        said.contains("No space left on device") && !ended_well,
        "{said}"
    );
    assert_eq!(bench.shim.effect().attached, 3);
}

#[test]
fn a_path_with_spaces_and_colons_does_not_break_the_preload() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("my: results");
    std::fs::create_dir(&odd).unwrap();
    let _built = library();
    let copy = odd.join("libshim.so");
    let built = std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(3)
        .unwrap()
        .join("debug/libshim.so");
    std::fs::copy(built, &copy).unwrap();
    let shim = Shim::create(&odd.join("page"), &odd).unwrap();
    let bench = Bench {
        shim,
        library: Library::at(&copy).unwrap(),
        folder,
    };
    assert_eq!(bench.run("date", &["+%Y"]).0.trim().len(), 4);
    assert_eq!(bench.shim.effect().attached, 1);
}

#[test]
fn a_missing_or_foreign_page_leaves_the_program_alone() {
    let bench = Bench::new();
    bench.shim.set_clock_offset(HOUR);
    for (name, text) in [
        ("none", None),
        ("short", Some(vec![1; 10])),
        ("foreign", Some(vec![1; SIZE])),
    ] {
        let path = bench.folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let mut command = puppet_command();
        bench.shim.preload(&mut command, &bench.library);
        command.env(PAGE, path);
        assert!(
            near(Puppet::start(command).ask("clock")[0], now()),
            "{name}"
        );
    }
    assert_eq!(bench.shim.effect().attached, 0);
}

#[test]
fn what_is_missing_is_named_with_its_mend() {
    let error = Library::at(Path::new("/no/such/libshim.so"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/no/such/libshim.so") && error.contains("cargo build -p shim"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    let error = Shim::create(&page, &folder.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("cannot find the data folder "), "{error}");
    Shim::create(&page, folder.path()).unwrap();
    let error = Shim::create(&page, folder.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot make the control page ") && error.contains("exists"),
        "{error}"
    );
}

/// Prints what a reading of the clock costs: `cargo test -p harness reading -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn what_a_reading_costs() {
    let bench = Bench::new();
    let mut bare = Puppet::start(puppet_command());
    let mut preloaded = bench.puppet();
    for _ in 0..5 {
        let bare = bare.ask("bench")[0];
        bench.shim.heal();
        let healthy = preloaded.ask("bench")[0];
        bench.shim.set_clock_offset(HOUR);
        let skewed = preloaded.ask("bench")[0];
        println!("tenths of ns a reading: {bare} bare, {healthy} preloaded, {skewed} skewed");
    }
}
