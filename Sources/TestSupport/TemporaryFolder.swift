internal import FoundationEssentials
internal import Glibc

/// A folder for one test; it is removed, with all that is in it, when the body ends.
///
/// - Parameters:
///   - files: what to put there first, text by relative path; folders on the way are made.
///   - mode: of these files.
public func withTemporaryFolder<Value>(
    files: [String: String] = [:],
    mode: UInt32 = 0o600,
    _ body: (_ folder: String) async throws -> Value
) async throws -> Value {
    var template = Array("/tmp/convoy-test.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
        throw TestSupportError("cannot make a temporary folder: \(String(cString: strerror(errno)))")
    }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (path, text) in files { try writeFile("\(folder)/\(path)", text, mode: mode) }
    return try await body(folder)
}

/// Writes a text file; folders on the way are made.
///
/// - Parameter mode: a file may be or name a secret, so nobody else can read it unless the test is about that.
public func writeFile(_ path: String, _ text: String, mode: UInt32 = 0o600) throws {
    let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
        throw TestSupportError("cannot write \(path)")
    }
    guard chmod(path, mode) == 0 else { throw TestSupportError("cannot set the mode of \(path)") }
}

/// The top folder of the repository that these tests were built from.
public let repositoryRoot: String = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
