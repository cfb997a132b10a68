import Foundation
import TestSupport

/// A library that shifts the wall clock of the program that loads it, as on a machine whose clock is wrong.
enum ShiftedClock {
    /// Nil where there is no C compiler.
    static let compiler = ["/usr/bin/cc", "/usr/bin/clang", "/opt/swift/usr/bin/clang"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private static let source = """
        #define _GNU_SOURCE
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        int clock_gettime(clockid_t clock, struct timespec *now) {
            long result = syscall(SYS_clock_gettime, clock, now);
            if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += SHIFT;
            return (int)result;
        }

        int gettimeofday(struct timeval *restrict now, void *restrict zone) {
            struct timespec precise;
            int result = clock_gettime(CLOCK_REALTIME, &precise);
            now->tv_sec = precise.tv_sec;
            now->tv_usec = precise.tv_nsec / 1000;
            return result;
        }

        time_t time(time_t *now) {
            struct timespec precise;
            clock_gettime(CLOCK_REALTIME, &precise);
            if (now) *now = precise.tv_sec;
            return precise.tv_sec;
        }

        """

    /// The environment of a program whose clock is that many seconds ahead, or behind if they are negative.
    static func environment(_ seconds: Int, in folder: String) async throws -> [String: String] {
        guard let compiler else { throw TestSupportError("there is no C compiler") }
        let name = "\(folder)/clock\(seconds)"
        try writeFile("\(name).c", source)
        let compiling = try ChildProcess(
            compiler,
            ["-shared", "-fPIC", "-DSHIFT=(\(seconds))", "-o", "\(name).so", "\(name).c"],
            environment: ["PATH": "/usr/bin:/bin"]
        )
        compiling.closeInput()
        let end = await compiling.wait()
        guard end.status == .exited(0) else { throw TestSupportError("the library cannot be made: \(end.standardError)") }
        return ["LD_PRELOAD": "\(name).so"]
    }
}
