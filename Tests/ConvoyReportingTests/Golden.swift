import Foundation
import Testing

/// Compares a text with the file of that name in the folder `Golden` beside the tests; with CONVOY_UPDATE_GOLDEN=1 it writes the file.
///
/// - Parameter name: the file's name.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
    if ProcessInfo.processInfo.environment["CONVOY_UPDATE_GOLDEN"] == "1" {
        try FileManager.default.createDirectory(at: golden.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: golden)
        return
    }
    let expected = String(decoding: try Data(contentsOf: golden), as: UTF8.self)
    guard text != expected else { return }
    // Line by line by bytes: what differs may be a character that shows nothing.
    let lines = { (text: String) in
        text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
    let (found, wanted) = (lines(text), lines(expected))
    let number = zip(found, wanted).enumerated().first { $1.0 != $1.1 }?.offset ?? min(found.count, wanted.count)
    let show = { (lines: [String]) in number < lines.count ? lines[number].debugDescription : "nothing" }
    Issue.record(
        "\(name):\(number + 1): \(show(found)) instead of \(show(wanted)); CONVOY_UPDATE_GOLDEN=1 rewrites it",
        sourceLocation: sourceLocation
    )
}
