internal import ConvoyIO
internal import ConvoyText
package import FoundationEssentials
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// The certificate that the dashboard shows, and its private key. Connections that exist keep the pair that they began with.
package final class ServerCertificate: Sendable {
    /// The two files, both in PEM.
    package struct Files: Sendable, Hashable {
        /// The server's certificate, followed by the intermediate ones.
        package var certificate: String
        package var key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    private struct Pair: Sendable {
        var context: NIOSSLContext
        var warnings: [String]
    }

    /// A chain has a few KiB.
    private static let mostBytes = 256 << 10
    /// How long before its end a certificate is worth a warning.
    private static let warningTime: TimeInterval = 14 * 86_400

    private let files: Files
    private let pair: Mutex<Pair>

    /// - Throws: if the files are not a valid pair at that time.
    package init(_ files: Files, at now: Date) throws(ServeProblem) {
        self.files = files
        pair = Mutex(try Self.read(files, at: now))
    }

    /// What the operator should know of the pair, a sentence each.
    package var warnings: [String] { pair.withLock(\.warnings) }

    /// What new connections begin with.
    var context: NIOSSLContext { pair.withLock(\.context) }

    /// Reads the files again. If they are not a valid pair, the one that is there stays.
    func reload(at now: Date) throws(ServeProblem) {
        let new = try Self.read(files, at: now)
        pair.withLock { $0 = new }
    }

    // MARK: Reading

    private static func read(_ files: Files, at now: Date) throws(ServeProblem) -> Pair {
        let chain = try chain(files.certificate)
        let key = try key(files.key)
        let warnings = try check(chain, files.certificate, at: now)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        // The other side need not answer a goodbye.
        configuration.shutdownTimeout = .seconds(2)
        do {
            return Pair(context: try NIOSSLContext(configuration: configuration), warnings: warnings)
        } catch {
            throw ServeProblem(
                "the private key in \(files.key) does not belong to the certificate in \(files.certificate)",
                hint: "the server's own certificate must be the first in its file; use the key that it was requested with"
            )
        }
    }

    private static func chain(_ path: String) throws(ServeProblem) -> [NIOSSLCertificate] {
        let bytes = try contents(path, "certificate").bytes
        do {
            return try NIOSSLCertificate.fromPEMBytes(bytes)
        } catch {
            let hint =
                if isDER(bytes) {
                    "convert it with `openssl x509 -inform DER -in FILE -out FILE.pem`"
                } else if holds("PRIVATE KEY-----", bytes) {
                    "it holds a private key: name it with --tls-key, and the certificate with --tls-cert"
                } else {
                    "use a file with -----BEGIN CERTIFICATE-----: the server's certificate, followed by the intermediate ones"
                }
            throw ServeProblem("\(path) does not hold a certificate chain in PEM", hint: hint)
        }
    }

    private static func key(_ path: String) throws(ServeProblem) -> NIOSSLPrivateKey {
        let contents = try contents(path, "private key")
        guard !contents.isExposed else {
            throw ServeProblem(
                "the private key in \(path) can be read by its group or by other users",
                hint: "restrict it with `chmod 600`; if the key may be known to others, request a new certificate"
            )
        }
        guard !holds("ENCRYPTED", contents.bytes) else {
            throw ServeProblem(
                "the private key in \(path) is encrypted, and a server cannot ask for the passphrase",
                hint: "decrypt it with `openssl pkey -in FILE -out FILE.key`, and keep the result readable by this user only"
            )
        }
        do {
            return try NIOSSLPrivateKey(bytes: contents.bytes, format: .pem)
        } catch {
            let hint =
                if isDER(contents.bytes) {
                    "convert it with `openssl pkey -inform DER -in FILE -out FILE.pem`"
                } else if holds("-----BEGIN CERTIFICATE-----", contents.bytes) {
                    "it holds a certificate: name it with --tls-cert, and the private key with --tls-key"
                } else {
                    "use a file with -----BEGIN PRIVATE KEY-----"
                }
            throw ServeProblem("\(path) does not hold a private key in PEM", hint: hint)
        }
    }

    private static func contents(_ path: String, _ kind: String) throws(ServeProblem) -> FileContents {
        let contents: FileContents
        do throws(FileReadError) {
            contents = try readFileContents(path, limit: mostBytes)
        } catch {
            throw ServeProblem("the file of the \(kind), \(path), \(error.reason)", hint: error.hint ?? "name the \(kind)'s file in PEM")
        }
        guard !contents.bytes.allSatisfy({ $0 <= 0x20 }) else {
            throw ServeProblem("the file of the \(kind), \(path), is empty", hint: "name the \(kind)'s file in PEM")
        }
        return contents
    }

    /// A sequence that is as long as it says: in one byte, as a short key begins, or in one or two more.
    private static func isDER(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: [0x30, 0x82]) || bytes.starts(with: [0x30, 0x81])
            || bytes.first == 0x30 && bytes.count == 2 + Int(clamping: bytes.dropFirst().first ?? 0)
    }

    private static func holds(_ text: String, _ bytes: [UInt8]) -> Bool { String(decoding: bytes, as: UTF8.self).contains(text) }

    // MARK: Validity

    /// - Returns: what the operator should know.
    /// - Throws: if the server's own certificate is not valid now.
    private static func check(_ chain: [NIOSSLCertificate], _ path: String, at now: Date) throws(ServeProblem) -> [String] {
        guard let own = chain.first else { return [] }
        let (start, end) = (date(own.notValidBefore), date(own.notValidAfter))
        guard start <= now else {
            throw ServeProblem(
                "the certificate in \(path) is not valid before \(start.rfc3339); it is \(now.rfc3339) now",
                hint: "check the clock of this machine, or use a certificate that is valid already"
            )
        }
        guard end >= now else {
            throw ServeProblem("the certificate in \(path) expired at \(end.rfc3339)", hint: "renew the certificate")
        }
        var warnings: [String] = []
        let left = end.timeIntervalSince(now)
        if left < warningTime {
            let days = Int(clamping: left / 86_400)
            let time = days == 0 ? "in less than a day" : days == 1 ? "in a day" : "in \(days) days"
            warnings.append("the certificate in \(path) expires \(time), at \(end.rfc3339): renew it, then send SIGHUP to this process")
        }
        if let expired = chain.dropFirst().first(where: { date($0.notValidAfter) < now }) {
            warnings.append("an intermediate certificate in \(path) expired at \(date(expired.notValidAfter).rfc3339)")
        }
        return warnings
    }

    /// A time beyond what a date may be is far from now in either direction.
    private static func date(_ seconds: Int) -> Date {
        Date(secondsSince1970: Double(seconds)) ?? (seconds < 0 ? .distantPast : .distantFuture)
    }
}
