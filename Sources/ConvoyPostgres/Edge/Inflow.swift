internal import Glibc

/// Counts what comes in on a session's socket, because libpq says nothing of a message before the whole of it is in memory.
struct Inflow {
    /// Bytes since the last result or row.
    private(set) var bytes = 0
    private var socket: Int32 = -1

    /// Counts what libpq is about to read. It reads what is there, and what comes meanwhile: little, since the kernel's buffer is made small.
    mutating func willRead(_ socket: Int32) {
        if socket != self.socket {
            // Within one attempt libpq may open a second socket.
            self.socket = socket
            var size = Int32(clamping: SessionBudget.socketBuffer)
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var available: Int32 = 0
        guard ioctl(socket, UInt(FIONREAD), &available) == 0 else { return }
        bytes += Int(max(0, available))
    }

    /// A result or a row is there, so libpq's buffer holds little else.
    mutating func receivedResult() {
        bytes = 0
    }
}
