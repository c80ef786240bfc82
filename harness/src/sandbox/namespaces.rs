//! Making namespaces, and what has to be in them: processes, a loopback, mounts that nobody else sees.
// The kernel's calls for this have no safe door in the libraries that are used here.
#![allow(unsafe_code)]

use std::fs;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, AsRawFd as _};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{getppid, setsid};

nix::ioctl_write_ptr_bad!(set_flags, libc::SIOCSIFFLAGS, libc::ifreq);
nix::ioctl_read_bad!(get_flags, libc::SIOCGIFFLAGS, libc::ifreq);

/// Leaves the terminal's session, so that the outer process alone hears its signals; is killed when that one ends.
pub(super) fn leave_terminal_and_die_with(outside: u32) -> Result<(), String> {
    let cannot = |error: nix::Error| format!("no process can leave its session ({error})");
    setsid().map_err(cannot)?;
    set_pdeathsig(Signal::SIGKILL).map_err(cannot)?;
    // It may have ended before, and that is then never told.
    if getppid().as_raw() as u32 != outside {
        super::relay::leave(0);
    }
    Ok(())
}

/// From now on this process' children are in namespaces of their own, and its mounts and network are.
pub(super) fn make() -> Result<(), String> {
    // SAFETY: these take nothing, always succeed, and touch no memory of ours.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let mut kinds =
        libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC;
    if uid != 0 {
        kinds |= libc::CLONE_NEWUSER;
    }
    // SAFETY: takes a number; nobody shares anything with this process that has one thread.
    Errno::result(unsafe { libc::unshare(kinds) }).map_err(|error| {
        let mend = if uid == 0 {
            "root needs CAP_SYS_ADMIN: in a container, start that with --privileged"
        } else {
            "a plain user needs user namespaces: sysctl kernel.unprivileged_userns_clone=1, \
             kernel.apparmor_restrict_unprivileged_userns=0 (where there are such), user.max_user_namespaces above 0; \
             in a container --security-opt seccomp=unconfined"
        };
        format!("namespaces: {}; {mend}", io::Error::from(error))
    })?;
    if uid == 0 {
        return Ok(());
    }
    // Everybody is who they are, so that files belong to whom they would belong outside. A user who is not root may do
    // this with no group but their own.
    let maps = [
        ("setgroups", "deny".to_string()),
        ("uid_map", format!("{uid} {uid} 1")),
        ("gid_map", format!("{gid} {gid} 1")),
    ];
    maps.iter().try_for_each(|(file, text)| {
        fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| format!("who is who in a user namespace: /proc/self/{file}: {error}"))
    })
}

/// The kernel kills this process, and with it its namespace, when its parent ends; that one holds the other end.
pub(super) fn die_with_guardian(guardian: &PipeReader) -> Result<(), String> {
    let cannot = |error: nix::Error| format!("no process can die with its parent ({error})");
    set_pdeathsig(Signal::SIGKILL).map_err(cannot)?;
    // A parent in another namespace has no number here that could be asked for; an end of its pipe is.
    let mut polled = [PollFd::new(guardian.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).map_err(cannot)?;
    if polled[0].any().unwrap_or(false) {
        super::relay::leave(0);
    }
    Ok(())
}

/// Mounts stay in here, /proc shows the processes in here, and the loopback is up.
pub(super) fn furnish() -> Result<(), String> {
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
        .map_err(|error| format!("mounts of its own: {error}"))?;
    let careful = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(c"proc", c"/proc", careful).map_err(|error| {
        format!(
            "a /proc of its own: {error}; a container hides parts of its own, which forbids that: start it with \
             --security-opt systempaths=unconfined"
        )
    })?;
    loopback().map_err(|error| format!("a loopback of its own: {error}"))
}

fn mount(what: &std::ffi::CStr, onto: &std::ffi::CStr, how: libc::c_ulong) -> io::Result<()> {
    let (what, onto) = (what.as_ptr(), onto.as_ptr());
    // SAFETY: the strings end in a zero byte and live for the call; no data are given.
    Errno::result(unsafe { libc::mount(what, onto, what, how, std::ptr::null()) })?;
    Ok(())
}

fn loopback() -> io::Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: an `ifreq` is numbers and a union of numbers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
    // SAFETY: the kernel reads a name from the structure and writes flags to it, which outlives the call.
    unsafe { get_flags(socket.as_raw_fd(), &mut request) }?;
    // SAFETY: the call above has filled in the flags.
    unsafe { request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short };
    // SAFETY: the kernel reads the structure only.
    unsafe { set_flags(socket.as_raw_fd(), &request) }?;
    Ok(())
}
