//! Frames of Ethernet as the switch sees them: who says it to whom, and the reset that answers one.

use std::net::Ipv4Addr;

/// What the kernel puts before a frame: whether a checksum is still to be filled in, and how it is to be cut up.
pub(super) const OFFLOAD: usize = 10;
/// Ethernet's own header.
const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
const TCP: u8 = 6;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// The ends of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
    /// It asks or tells where an address is: no rule is about that.
    pub(super) is_arp: bool,
}

/// A connection: the ports of who spoke and who was spoken to.
pub(super) type Ports = (u16, u16);

/// Who says it to whom; `None`: it is of no kind that is carried.
pub(super) fn ends(frame: &[u8]) -> Option<Ends> {
    let kind: [u8; 2] = part(frame, 12)?;
    let address = |at| Some(Ipv4Addr::from(part::<4>(frame, at)?));
    let is_arp = kind == ARP;
    let (from, to) = match kind {
        IPV4 => (ETHERNET + 12, ETHERNET + 16),
        ARP => (ETHERNET + 14, ETHERNET + 24),
        _ => return None,
    };
    Some(Ends {
        from: address(from)?,
        to: address(to)?,
        is_arp,
    })
}

/// The frame, with what the kernel wants before it, that resets the connection of this one for its sender; its ports, and
/// whether it was to open a connection. `None`: it is of none, or a reset itself.
pub(super) fn reset(frame: &[u8]) -> Option<(Vec<u8>, Ports, bool)> {
    let ip = frame.get(ETHERNET..)?;
    if part::<2>(frame, 12)? != IPV4 || *ip.get(9)? != TCP {
        return None;
    }
    let head = usize::from(*ip.first()? & 15) * 4;
    let total = usize::from(u16::from_be_bytes(part(ip, 2)?));
    let tcp = ip.get(head..)?;
    let flags = *tcp.get(13)?;
    if flags & RST != 0 {
        return None;
    }
    let number = |at| Some(u32::from_be_bytes(part(tcp, at)?));
    let payload = total.checked_sub(head + usize::from(*tcp.get(12)? >> 4) * 4)?;
    let length = payload as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
    // As a host does where nobody listens (RFC 9293, 3.10.7.1).
    let (sequence, acknowledged, answer) = if flags & ACK != 0 {
        (number(8)?, 0, RST)
    } else {
        (0, number(4)?.wrapping_add(length), RST | ACK)
    };
    let mut out = vec![0; OFFLOAD];
    out.extend([frame.get(6..12)?, frame.get(..6)?, &IPV4].concat());
    let (from, to): ([u8; 4], [u8; 4]) = (part(ip, 16)?, part(ip, 12)?);
    let mut ip = [0; 20];
    ip[0] = 0x45;
    ip[3] = 40;
    (ip[8], ip[9]) = (64, TCP);
    ip[12..16].copy_from_slice(&from);
    ip[16..20].copy_from_slice(&to);
    let sum = checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum);
    let mut answered = [0; 20];
    answered[..2].copy_from_slice(tcp.get(2..4)?);
    answered[2..4].copy_from_slice(tcp.get(..2)?);
    answered[4..8].copy_from_slice(&sequence.to_be_bytes());
    answered[8..12].copy_from_slice(&acknowledged.to_be_bytes());
    (answered[12], answered[13]) = (5 << 4, answer);
    let sum = checksum(&[&from, &to, &[0, TCP, 0, 20], &answered]);
    answered[16..18].copy_from_slice(&sum);
    out.extend(ip);
    out.extend(answered);
    let ports = (
        u16::from_be_bytes(part(tcp, 0)?),
        u16::from_be_bytes(part(tcp, 2)?),
    );
    Some((out, ports, flags & SYN != 0))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// The Internet's checksum over pieces of even length.
fn checksum(pieces: &[&[u8]]) -> [u8; 2] {
    let words = pieces.iter().flat_map(|piece| piece.chunks(2));
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum: u32 = words.map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A frame of TCP from port 1000 of one address to port 2000 of another.
    pub(in crate::links::packets) fn tcp(
        from: [u8; 4],
        to: [u8; 4],
        flags: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let total = (40 + payload.len()) as u16;
        let mut frame = vec![1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0];
        frame.extend([0x45, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, TCP, 0, 0]);
        frame.extend(from);
        frame.extend(to);
        frame.extend(1000_u16.to_be_bytes());
        frame.extend(2000_u16.to_be_bytes());
        frame.extend(7_u32.to_be_bytes());
        frame.extend(90_u32.to_be_bytes());
        frame.extend([5 << 4, flags, 0, 0, 0, 0, 0, 0]);
        frame.extend(payload);
        frame
    }

    const A: [u8; 4] = [10, 77, 0, 1];
    const B: [u8; 4] = [10, 77, 0, 2];

    #[test]
    fn ends_are_read_of_packets_and_of_questions_for_addresses() {
        let found = ends(&tcp(A, B, ACK, b"hello")).unwrap();
        assert_eq!((found.from, found.to), (A.into(), B.into()));
        let mut question = vec![0xff; 12];
        question.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        question.extend([[2; 6].as_slice(), &A, &[0; 6], &B].concat());
        let asked = ends(&question).unwrap();
        assert!(asked.is_arp && asked.from == Ipv4Addr::from(A) && asked.to == Ipv4Addr::from(B));
        assert_eq!(ends(&[0; 60]), None);
        assert_eq!(ends(&[]), None);
    }

    #[test]
    fn a_reset_is_what_the_sender_waits_for_and_its_checksums_are_right() {
        let (out, ports, opens) = reset(&tcp(A, B, ACK, b"hello")).unwrap();
        assert_eq!((ports, opens), ((1000, 2000), false));
        let frame = &out[OFFLOAD..];
        let found = ends(frame).unwrap();
        assert_eq!((found.from, found.to), (B.into(), A.into()));
        assert_eq!(&frame[..6], &[2; 6], "it goes back");
        let (ip, tcp_) = frame[ETHERNET..].split_at(20);
        assert_eq!(checksum(&[ip]), [0, 0]);
        assert_eq!(checksum(&[&B, &A, &[0, TCP, 0, 20], tcp_]), [0, 0]);
        assert_eq!(tcp_[4..8], 90_u32.to_be_bytes(), "what it has acknowledged");
        // One that opens a connection has acknowledged nothing, and is acknowledged itself.
        let (out, _, opens) = reset(&tcp(A, B, SYN, b"")).unwrap();
        let tcp_ = &out[OFFLOAD + ETHERNET + 20..];
        assert!(opens && tcp_[13] == RST | ACK);
        assert_eq!(tcp_[8..12], 8_u32.to_be_bytes());
        assert!(reset(&tcp(A, B, RST, b"")).is_none());
    }
}
