//! Namespaces of the network for nodes, and the wires that lead out of them to the switch.
//!
//! A wire is a pair of virtual Ethernet devices: one end is `eth0` of a node, the other one, `w1`, stays with the switch,
//! which reads and writes it by a packet socket. All by calls to the kernel: no program is needed.
// The kernel's calls for this have no safe door in the libraries that are used here.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};

use nix::errno::Errno;

use super::packet::OFFLOAD;

/// The side of the wire that a node has.
const DEVICE: &str = "eth0";
/// The kernel's numbers for attributes of a pair of devices, which libc lacks.
const VETH_INFO_PEER: u16 = 1;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const PACKET_VNET_HDR: libc::c_int = 15;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);

/// A new namespace of the network, in which nothing but the loopback is up.
pub(super) fn namespace() -> io::Result<OwnedFd> {
    elsewhere(|| {
        // SAFETY: takes a number; a thread's own namespace is nobody else's business.
        Errno::result(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
        flags("lo", libc::IFF_UP)?;
        File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
    })
}

/// Has the calling thread, and whatever it starts, be in the namespace from now on.
pub(crate) fn enter(namespace: &OwnedFd) -> io::Result<()> {
    // SAFETY: takes two numbers; the descriptor is open.
    Errno::result(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })?;
    Ok(())
}

/// Does something in a thread of its own in a namespace. What it starts stays there, and so does a socket that it makes.
pub(crate) fn within<T: Send>(
    namespace: &OwnedFd,
    what: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    elsewhere(|| {
        enter(namespace)?;
        what()
    })
}

/// Does something in a thread of its own, which ends with it.
fn elsewhere<T: Send>(what: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let done = scope.spawn(what).join();
        done.unwrap_or_else(|_| Err(io::Error::other("the thread that makes wires failed")))
    })
}

/// Lays wire number `number` into a namespace, or to the calling thread's own one, and gives it its addresses. Answers the
/// switch's side.
pub(super) fn lay(
    number: u16,
    namespace: Option<&OwnedFd>,
    addresses: &[Ipv4Addr],
) -> io::Result<OwnedFd> {
    let ours = format!("w{number}");
    make_pair(&ours, namespace)?;
    let furnish = || {
        if let Some(namespace) = namespace {
            enter(namespace)?;
        }
        for (at, address) in addresses.iter().enumerate() {
            // A second address is another name of the same device.
            let device = match at {
                0 => DEVICE.to_owned(),
                more => format!("{DEVICE}:{more}"),
            };
            for (what, value) in [(libc::SIOCSIFADDR, *address), (libc::SIOCSIFNETMASK, MASK)] {
                call(&device, what, |request| address_of(request, value))?;
            }
        }
        flags(DEVICE, libc::IFF_UP)
    };
    elsewhere(furnish)?;
    // The kernel itself must not answer on it who has which address: that is for the nodes to say.
    flags(&ours, libc::IFF_UP | libc::IFF_NOARP)?;
    socket(&ours)
}

/// A socket that gets every frame which comes in on a device, and sends some.
fn socket(device: &str) -> io::Result<OwnedFd> {
    let all = (libc::ETH_P_ALL as u16).to_be();
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let index = index(device)?;
    // SAFETY: takes numbers; the answer is checked below, and owned by nobody else. All zero bytes are an address, whose
    // fields are then filled in; it and the options live for the calls that read them.
    unsafe {
        let fd = libc::socket(libc::AF_PACKET, kind, i32::from(all));
        Errno::result(fd)?;
        let socket = OwnedFd::from_raw_fd(fd);
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = all;
        address.sll_ifindex = index;
        let size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        let yes: libc::c_int = 1;
        for (level, option, value) in [
            // Frames pass as the sender's kernel left them: checksums not filled in, many segments in one.
            (libc::SOL_PACKET, PACKET_VNET_HDR, yes),
            (libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, yes),
            (libc::SOL_SOCKET, libc::SO_RCVBUF, 4 << 20),
        ] {
            let value = &raw const value;
            Errno::result(libc::setsockopt(fd, level, option, value.cast(), 4))?;
        }
        Errno::result(libc::bind(fd, (&raw const address).cast(), size))?;
        Ok(socket)
    }
}

/// The next frame that has come, with what the kernel puts before it.
pub(super) fn receive<'a>(wire: &OwnedFd, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the kernel writes so many bytes at most to the buffer, which lives for the call.
    let read = unsafe { libc::read(wire.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let read = usize::try_from(read).ok()?;
    buffer.get(..read).filter(|read| read.len() > OFFLOAD)
}

/// Sends a frame. One that the kernel does not take is lost, as on any wire.
pub(super) fn send(wire: &OwnedFd, frame: &[u8]) {
    // SAFETY: the kernel reads so many bytes, which live for the call.
    unsafe { libc::write(wire.as_raw_fd(), frame.as_ptr().cast(), frame.len()) };
}

fn make_pair(ours: &str, namespace: Option<&OwnedFd>) -> io::Result<()> {
    let mut peer = vec![0; size_of::<libc::ifinfomsg>()];
    attribute(&mut peer, libc::IFLA_IFNAME, &text(DEVICE));
    if let Some(namespace) = namespace {
        let fd = namespace.as_raw_fd().to_ne_bytes();
        attribute(&mut peer, libc::IFLA_NET_NS_FD, &fd);
    }
    let (mut data, mut info) = (Vec::new(), Vec::new());
    attribute(&mut data, VETH_INFO_PEER, &peer);
    attribute(&mut info, IFLA_INFO_KIND, b"veth");
    attribute(&mut info, IFLA_INFO_DATA, &data);
    let mut body = vec![0; size_of::<libc::ifinfomsg>()];
    attribute(&mut body, libc::IFLA_IFNAME, &text(ours));
    attribute(&mut body, libc::IFLA_LINKINFO, &info);
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut message = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
    message.extend(libc::RTM_NEWLINK.to_ne_bytes());
    message.extend((flags as u16).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    ask(&message)
}

/// Sends a request to the kernel's part for routes and links; it answers with an error, or with none.
fn ask(message: &[u8]) -> io::Result<()> {
    let mut answer = [0_u8; 4096];
    // SAFETY: numbers, and buffers that live for the calls; the descriptor is owned by nobody else.
    let read = unsafe {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        let fd = libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE);
        Errno::result(fd)?;
        let socket = OwnedFd::from_raw_fd(fd);
        let sent = libc::send(
            socket.as_raw_fd(),
            message.as_ptr().cast(),
            message.len(),
            0,
        );
        Errno::result(sent)?;
        libc::recv(
            socket.as_raw_fd(),
            answer.as_mut_ptr().cast(),
            answer.len(),
            0,
        )
    };
    if read < 20 {
        return Err(io::Error::other("the kernel's answer makes no sense"));
    }
    // A header of 16 bytes, then the negative number of an error.
    match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

/// Appends an attribute: its length, its kind, its value, and bytes up to the next multiple of four.
fn attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend(((value.len() + 4) as u16).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

fn index(device: &str) -> io::Result<i32> {
    let name = text(device);
    // SAFETY: the name ends in a zero byte and lives for the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr().cast()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(index as i32)
}

/// Sets what a device is.
fn flags(device: &str, flags: libc::c_int) -> io::Result<()> {
    let fill = |request: &mut libc::ifreq| request.ifr_ifru.ifru_flags = flags as libc::c_short;
    call(device, libc::SIOCSIFFLAGS, fill)
}

fn address_of(request: &mut libc::ifreq, address: Ipv4Addr) {
    let mut bytes = [0; 14];
    bytes[2..6].copy_from_slice(&address.octets().map(|byte| byte as libc::c_char));
    request.ifr_ifru.ifru_addr = libc::sockaddr {
        sa_family: libc::AF_INET as u16,
        sa_data: bytes,
    };
}

/// A request about a device, in the namespace of the calling thread.
fn call(device: &str, what: libc::Ioctl, fill: impl FnOnce(&mut libc::ifreq)) -> io::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let cloexec = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, cloexec, None)?;
    // SAFETY: an `ifreq` is numbers and a union of numbers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    fill(&mut request);
    // SAFETY: all of these read one `ifreq`, which lives for the call.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), what, &raw const request) })?;
    Ok(())
}
