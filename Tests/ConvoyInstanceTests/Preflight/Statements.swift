/// The statements in a hint: between its semicolons and full stops, what begins with a command.
func statements(in hint: String, _ commands: String = "ALTER|DROP|CREATE|GRANT") throws -> [String] {
    let statement = try Regex("(?:^|: )((?:\(commands)) .*)", as: (Substring, Substring).self)
    return hint.replacing(". Then ", with: "; ").replacing(". After", with: "; After").split(separator: "; ")
        .compactMap { part in part.firstMatch(of: statement).map { String($0.output.1) } }
}
