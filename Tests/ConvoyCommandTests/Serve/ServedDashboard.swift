import Foundation
import Glibc
import TestSupport
import Testing

/// A running `convoy serve`, and real clients for it.
struct ServedDashboard: Sendable {
    static let token = "correct-horse-battery-staple"

    let process: ConvoyProcess
    /// What it has printed: where it listens.
    let url: String
    let folder: String

    var port: Int { url.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

    /// Starts it, and waits until it listens.
    static func start(
        _ arguments: [String],
        program: String? = nil,
        environment: [String: String] = [:],
        in folder: String
    ) async throws -> ServedDashboard {
        let process = try ConvoyProcess(["serve"] + arguments, program: program, environment: environment, in: folder)
        process.closeInput()
        let said = await process.wait { $0.standardOutput.contains("\n") }.standardOutput
        let url = try #require(said.firstMatch(of: #/^listening on (.+)\n$/#)?.1, "\(process.snapshot.standardError)")
        return ServedDashboard(process: process, url: String(url), folder: folder)
    }

    /// Tells it to read its files again, and waits until it has said something about that.
    func reload() async throws -> String {
        let before = process.snapshot.standardError
        kill(process.processID, SIGHUP)
        let after = await process.wait { $0.standardError.count > before.count && $0.standardError.hasSuffix("\n") }.standardError
        return String(after.dropFirst(before.count))
    }

    /// As a service manager ends it.
    func end() async throws -> ConvoyResult {
        process.terminate()
        return try await process.result()
    }

    /// What a program printed, and how it ended.
    struct Said: Sendable {
        var code: Int32?
        var output: String
        var error: String
    }

    /// Runs a program in the test's folder, with nothing to read.
    static func run(_ program: String, _ arguments: [String], in folder: String) async throws -> Said {
        let process = try ChildProcess(program, arguments, environment: [:], in: folder, timeLimit: .seconds(60))
        process.closeInput()
        let end = await process.wait()
        let code: Int32? = if case .exited(let code)? = end.status { code } else { nil }
        return Said(code: code, output: end.standardOutput, error: end.standardError)
    }

    /// Runs curl, which prints the head of the answer too.
    func curl(_ arguments: [String]) async throws -> Said {
        try await Self.run("/usr/bin/curl", ["-sS", "-i", "--max-time", "30"] + arguments, in: folder)
    }
}
