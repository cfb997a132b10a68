import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyReporting
import ConvoyRun
import FoundationEssentials
import Glibc

/// The file for a result. It replaces only an empty file or an older result of the same kind.
struct ResultFile: Sendable {
    /// The kind of result.
    enum Kind: Sendable {
        case report(ReportFormat)
        case plan
    }

    let path: String
    let option: String
    let kind: Kind

    /// An older report is recognised by its beginning; a plan by its keys, in any order.
    private static let headLimit = 64 << 10
    private static let planLimit = 256 << 20

    /// - Throws: a ``CommandFailure`` if the file cannot be written or must not be replaced. Check before the work begins, whose result would be lost.
    func check() throws {
        if let reason = reasonAgainstReplacing(path) { throw failure(reason) }
        if let status = FileStatus(of: path, followsLinks: false), status.size > 0, !isOfItsKind {
            throw CommandFailure(
                .usage,
                "\(option): \(path) exists and is not \(kind.words), so it is not replaced",
                hint: "choose another file, or move this one away"
            )
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard access(folder, W_OK | X_OK) == 0 else { throw failure("its directory: \(String(cString: strerror(errno)))") }
    }

    /// - Throws: a ``CommandFailure`` if the fleet needs the file.
    func check(against files: ProtectedFiles) throws {
        guard let role = files.role(of: path) else { return }
        throw CommandFailure(.usage, "\(option): \(path) is \(role), which a result must not replace", hint: "choose another file")
    }

    private func failure(_ reason: String) -> CommandFailure {
        CommandFailure(.usage, "\(option): \(path) cannot be written: \(reason)", hint: "choose a file in an existing directory")
    }

    private var isOfItsKind: Bool {
        switch kind {
        case .report(let format):
            guard let bytes = Self.read(path, limit: Self.headLimit) else { return false }
            return format.recognizes(String(decoding: bytes, as: UTF8.self))
        case .plan:
            guard let bytes = Self.read(path, limit: Self.planLimit) else { return false }
            return RunPlan.isOne(Data(bytes))
        }
    }

    /// The beginning of a file; nil if it cannot be read.
    private static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &chunk, min(chunk.count, limit - bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes += chunk[..<count]
        }
        return bytes
    }
}

extension ResultFile.Kind {
    /// The words for an error message, with an article.
    fileprivate var words: String {
        switch self {
        case .report(let format): "a report of Convoy as \(format.rawValue)"
        case .plan: "a plan of `convoy plan --out`"
        }
    }
}
