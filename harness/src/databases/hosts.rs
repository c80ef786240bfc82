//! A private `/etc/hosts` for a child, by a mount namespace of its own: so that one name leads every node through links of
//! its own, also in a system whose members all know each other by the same addresses.
// Namespaces are entered between fork and exec, which has no safe door.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;

/// Lets `command` see the file `hosts` in place of `/etc/hosts`. Root needs only a mount namespace; anybody else gets a
/// user namespace too, in which they are themselves.
///
/// # Errors
/// The path holds a zero byte.
pub(super) fn give(command: &mut Command, hosts: &Path) -> io::Result<()> {
    let hosts = CString::new(hosts.as_os_str().as_bytes())?;
    // SAFETY: takes nothing, always succeeds, and touches no memory of ours.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let maps = [
        (c"/proc/self/setgroups", "deny".to_string()),
        (c"/proc/self/uid_map", format!("{uid} {uid} 1")),
        (c"/proc/self/gid_map", format!("{gid} {gid} 1")),
    ];
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. These are plain system calls on strings
    // that were made before the fork; nothing allocates, locks or panics.
    unsafe {
        command.pre_exec(move || {
            if uid == 0 {
                Errno::result(libc::unshare(libc::CLONE_NEWNS))?;
            } else {
                Errno::result(libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS))?;
                for (file, text) in &maps {
                    let fd = libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                    Errno::result(fd)?;
                    let written = libc::write(fd, text.as_ptr().cast(), text.len());
                    Errno::result(written)?;
                    Errno::result(libc::close(fd))?;
                }
            }
            // What is mounted here is not seen outside.
            let (none, root) = (std::ptr::null(), c"/".as_ptr());
            let private = libc::MS_REC | libc::MS_PRIVATE;
            Errno::result(libc::mount(none, root, none, private, none.cast()))?;
            let etc = c"/etc/hosts".as_ptr();
            let mounted = libc::mount(hosts.as_ptr(), etc, none, libc::MS_BIND, none.cast());
            Errno::result(mounted)?;
            Ok(())
        });
    }
    Ok(())
}

/// Why it cannot be done here; `None`: it can. Tries it.
pub(super) fn problem() -> Option<String> {
    let path = std::env::temp_dir().join(format!("ordeal-hosts-{}", std::process::id()));
    let text = "127.0.0.1 localhost ordeal-trial\n";
    let trial = || -> io::Result<bool> {
        fs::write(&path, text)?;
        let mut command = Command::new("cat");
        command.arg("/etc/hosts").stderr(Stdio::null());
        give(&mut command, &path)?;
        Ok(command.output()?.stdout == text.as_bytes())
    };
    let tried = trial();
    // A leftover in the folder for such things harms nobody.
    let _ = fs::remove_file(&path);
    match tried {
        Ok(true) => None,
        Ok(false) => Some("a child does not see its own /etc/hosts".into()),
        Err(error) => Some(format!(
            "no mount namespace ({error}): as root it takes CAP_SYS_ADMIN, else kernel.unprivileged_userns_clone=1"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_sees_its_own_hosts_and_nobody_else_does() {
        if let Some(problem) = problem() {
            // No namespaces here: `harness doctor` says so too.
            assert!(problem.contains("namespace"), "{problem}");
            return;
        }
        let hosts = fs::read_to_string("/etc/hosts").unwrap();
        assert!(!hosts.contains("ordeal-trial"));
    }
}
