internal import Glibc
internal import Synchronization

/// Keeps our descriptors out of the processes that we start: one that inherited a pipe's end would hide from a server that its test is over.
enum Descriptors {
    private static let turn = Mutex(())

    /// A descriptor is made and marked in one turn, and a process is started in one: Swift does not see the calls that make both at once.
    static func exclusively<Value>(_ body: () throws(TestSupportError) -> Value) throws(TestSupportError) -> Value {
        let result: Result<Value, TestSupportError> = turn.withLock { _ in
            do throws(TestSupportError) { return .success(try body()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Call it in the turn in which the descriptor was made.
    static func closeOnExec(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
}

/// Both ends of a pipe; make it in a turn of ``Descriptors``.
struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws(TestSupportError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw TestSupportError("cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        reading = ends[0]
        writing = ends[1]
        Descriptors.closeOnExec(reading)
        Descriptors.closeOnExec(writing)
    }

    /// Makes the reading end readable, if it is not already.
    func signal() {
        var byte: UInt8 = 0
        _ = write(writing, &byte, 1)
    }

    /// Forgets all signals so far.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(reading, &bytes, bytes.count) > 0 {}
    }

    func makeNonBlocking() {
        for end in [reading, writing] { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) }
    }

    func close() {
        for end in [reading, writing] { Glibc.close(end) }
    }
}
