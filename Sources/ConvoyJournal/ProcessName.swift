internal import Glibc

/// How a process names itself to those who find its lock.
enum ProcessName {
    /// For example `pid 4711 on db-tools`.
    static var own: String {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        return "pid \(getpid()) on " + String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
