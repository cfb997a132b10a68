internal import ConvoyText
internal import Crypto

/// The checksum of a file's content: SHA-256, as hexadecimal digits.
package func contentChecksum(_ bytes: some Sequence<UInt8>) -> String { SHA256.hash(data: Array(bytes)).hexadecimal }
