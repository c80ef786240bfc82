//! This very test binary as a program that does one thing for each line that it reads.

use std::ffi::CString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(super) fn puppet_command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "shim::tests::puppet::a_puppet",
            "--ignored",
            "--nocapture",
        ])
        .env("ORDEAL_TEST_PUPPET", "1");
    command
}

/// A process that does one thing for each line.
pub(super) struct Puppet {
    child: Child,
    orders: ChildStdin,
    answers: std::io::Lines<BufReader<ChildStdout>>,
}

impl Puppet {
    pub(super) fn start(mut command: Command) -> Puppet {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Puppet {
            child,
            orders,
            answers,
        }
    }

    pub(super) fn ask(&mut self, order: &str) -> Vec<i64> {
        writeln!(self.orders, "{order}").unwrap();
        let answer = self
            .answers
            .find_map(|line| Some(line.unwrap().split_once("= ")?.1.to_owned()));
        answer
            .unwrap()
            .split(' ')
            .map(|word| word.parse().unwrap())
            .collect()
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Run by other tests as a process of its own. Orders: `clock`, `monotonic`, `race`, `wait MS`, `bench`, `disk PATH`.
#[test]
#[ignore = "takes orders"]
fn a_puppet() {
    if std::env::var_os("ORDEAL_TEST_PUPPET").is_none() {
        return;
    }
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let answer = match line.split_once(' ') {
            Some(("disk", path)) => writes(path),
            Some(("wait", ms)) => vec![waited(ms.parse().unwrap())],
            _ if line == "race" => vec![steps_back()],
            _ if line == "monotonic" => monotonic(),
            _ if line == "clock" => clocks(),
            _ => vec![nanos_for_a_reading()],
        };
        let words: Vec<String> = answer.iter().map(i64::to_string).collect();
        println!("= {}", words.join(" "));
    }
}

/// Seconds, as every function tells them; the monotonic clock last.
fn clocks() -> Vec<i64> {
    // SAFETY: each call fills the place that it is given.
    unsafe {
        let mut spec: libc::timespec = std::mem::zeroed();
        let mut of = |id| {
            assert_eq!(libc::clock_gettime(id, &mut spec), 0);
            spec.tv_sec
        };
        let mut val: libc::timeval = std::mem::zeroed();
        libc::gettimeofday(&mut val, std::ptr::null_mut());
        let mut stored = 0;
        let time = libc::time(&mut stored);
        assert_eq!(time, stored);
        vec![
            of(libc::CLOCK_REALTIME),
            of(libc::CLOCK_REALTIME_COARSE),
            val.tv_sec,
            time,
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs() as i64,
            of(libc::CLOCK_MONOTONIC),
        ]
    }
}

/// Nanoseconds of every monotonic clock, the machine's own last; read together, without another program in between.
fn monotonic() -> Vec<i64> {
    let ids = [
        libc::CLOCK_MONOTONIC,
        libc::CLOCK_MONOTONIC_COARSE,
        libc::CLOCK_BOOTTIME,
        libc::CLOCK_MONOTONIC_RAW,
    ];
    loop {
        let began = reading(libc::CLOCK_MONOTONIC_RAW);
        let clocks = ids.map(reading).to_vec();
        if clocks[3] - began < 1_000_000 {
            return clocks;
        }
    }
}

fn reading(id: libc::clockid_t) -> i64 {
    // SAFETY: the call fills the place that it is given.
    unsafe {
        let mut spec: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_gettime(id, &mut spec), 0);
        spec.tv_sec * 1_000_000_000 + spec.tv_nsec
    }
}

/// How often, in some million readings, a clock was behind the one before; so that others can change its rate meanwhile.
fn steps_back() -> i64 {
    const TIMES: i64 = 3_000_000;
    let mut last = [
        reading(libc::CLOCK_MONOTONIC),
        reading(libc::CLOCK_BOOTTIME),
    ];
    let mut back = 0;
    for _ in 0..TIMES {
        let now = [
            reading(libc::CLOCK_MONOTONIC),
            reading(libc::CLOCK_BOOTTIME),
        ];
        back += i64::from(now[0] < last[0]) + i64::from(now[1] < last[1]);
        last = now;
    }
    back
}

/// Microseconds of the machine's own clock that a wait in `epoll_wait` takes.
fn waited(ms: i32) -> i64 {
    // SAFETY: an epoll of our own, on which nothing happens, and a place for one event.
    unsafe {
        let epoll = libc::epoll_create1(0);
        let mut event: libc::epoll_event = std::mem::zeroed();
        let began = reading(libc::CLOCK_MONOTONIC_RAW);
        assert_eq!(libc::epoll_wait(epoll, &mut event, 1, ms), 0);
        libc::close(epoll);
        (reading(libc::CLOCK_MONOTONIC_RAW) - began) / 1000
    }
}

/// The errors (0: none) of everything that takes space in the file, then of what gives it back.
fn writes(path: &str) -> Vec<i64> {
    let path = CString::new(path).unwrap();
    let bytes = *b"some bytes";
    let from = bytes.as_ptr().cast::<libc::c_void>();
    let part = libc::iovec {
        iov_base: from.cast_mut(),
        iov_len: 10,
    };
    // SAFETY: buffers that outlive the calls, of the lengths that are told.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CREAT, 0o600);
        assert!(fd >= 0);
        libc::ftruncate(fd, 0);
        let error = |result: i64| match result {
            -1 => io::Error::last_os_error().raw_os_error().unwrap().into(),
            _ => 0,
        };
        let errors = vec![
            error(libc::write(fd, from, 10) as i64),
            error(libc::pwrite(fd, from, 10, 0) as i64),
            error(libc::writev(fd, &part, 1) as i64),
            error(libc::pwritev(fd, &part, 1, 0) as i64),
            error(libc::pwritev2(fd, &part, 1, 0, 0) as i64),
            error(libc::fallocate(fd, 0, 0, 8192).into()),
            libc::posix_fallocate(fd, 0, 8192).into(),
            error(libc::ftruncate(fd, 16384).into()),
            error(libc::fsync(fd).into()),
            error(libc::fdatasync(fd).into()),
            error(libc::ftruncate(fd, 0).into()),
        ];
        libc::close(fd);
        errors
    }
}

fn nanos_for_a_reading() -> i64 {
    const TIMES: i64 = 2_000_000;
    let begin = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(SystemTime::now());
    }
    begin.elapsed().as_nanos() as i64 * 10 / TIMES
}
