//! Columns of whole numbers as text that a page can hold: varints, deflated, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One column of whole numbers under way.
#[derive(Debug, Default)]
pub struct Column {
    bytes: Vec<u8>,
    last: u64,
}

impl Column {
    /// Appends a number: seven bits a byte, the lowest first, the highest bit set on all bytes but the last (LEB128).
    pub fn push(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Appends the distance from the number before; numbers must not fall.
    pub fn push_rise(&mut self, number: u64) {
        self.push(number.saturating_sub(self.last));
        self.last = self.last.max(number);
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Deflates (raw, RFC 1951) and encodes. The level is zlib's 6: higher ones cost seconds for some percent.
pub fn pack(bytes: &[u8]) -> String {
    STANDARD.encode(miniz_oxide::deflate::compress_to_vec(bytes, 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_leb128() {
        let mut column = Column::default();
        for number in [0, 127, 128, 300] {
            column.push(number);
        }
        assert_eq!(column.bytes(), [0, 127, 0x80, 1, 0xac, 2]);
        let mut column = Column::default();
        for number in [5, 5, 9] {
            column.push_rise(number);
        }
        assert_eq!(column.bytes(), [5, 0, 4]);
    }

    #[test]
    fn what_is_packed_comes_back() {
        let text = "packed ".repeat(100);
        let packed = pack(text.as_bytes());
        assert!(packed.len() < text.len() / 4, "{packed}");
        let raw = STANDARD.decode(packed).expect("base64");
        let back = miniz_oxide::inflate::decompress_to_vec(&raw).expect("deflate");
        assert_eq!(back, text.as_bytes());
    }
}
