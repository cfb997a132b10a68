/// What zsh needs besides the script of the argument parser: values after `--option=`, and no blank after a key such as `ring=`.
enum ZshCompletion {
    static func script(_ script: String) -> String {
        script.split(separator: "\n", omittingEmptySubsequences: false).map { withValueAfterSign(withOpenWords(String($0))) }
            .joined(separator: "\n")
    }

    /// An option with a value, as `'--wave[…]:wave:…'` or `'(-f --fleet)'{-f,--fleet}'[…]:file:…'`, may have it in the same word.
    private static func withValueAfterSign(_ line: String) -> String {
        guard let help = line.firstRange(of: "["), line[help.upperBound...].contains("]:") else { return line }
        var names = String(line[..<help.lowerBound])
        guard names.contains("--") else { return line }
        if names.hasSuffix("}'") {
            names.replace("}'", with: "=}'")
        } else if !names.hasSuffix("=") {
            names += "="
        }
        return names + line[help.lowerBound...]
    }

    /// A word that ends with “=” waits for more.
    private static func withOpenWords(_ line: String) -> String {
        line.replacing("\"${@:#(|:*)}\"", with: "\"${@:#(|:*|*=)}\"")
            .replacing(
                "_describe -V '' non_empty_completions -- empty_completions",
                with: "local -ar open_completions=(\"${(M)@:#*=}\")\n"
                    + "    _describe -V '' non_empty_completions -- open_completions -S '' -- empty_completions"
            )
    }
}
