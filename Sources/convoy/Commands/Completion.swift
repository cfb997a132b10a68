import ArgumentParser

/// `convoy completion`
struct Completion: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a script that lets a shell complete convoy's command lines.",
        usage: "convoy completion <shell>",
        discussion: """
            The script completes commands and options, and asks convoy for instances,
            servers, waves, labels, versions and runs: they come from the fleet file, the
            migrations and the journal. No database is connected to.

              convoy completion bash > ~/.local/share/bash-completion/completions/convoy
              convoy completion zsh > "${fpath[1]}/_convoy"
              convoy completion fish > ~/.config/fish/completions/convoy.fish
            """
    )

    /// The shells that have a script.
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    @Argument(help: "Shell: bash, zsh or fish.")
    var shell: Shell

    func execute() async throws -> CommandExit {
        StandardStreams.output.write(Self.script(for: shell))
        return .success
    }

    /// The script of a shell.
    static func script(for shell: Shell) -> String {
        switch shell {
        case .bash: BashCompletion.script(around: ConvoyCommand.completionScript(for: .bash))
        case .zsh: ZshCompletion.script(ConvoyCommand.completionScript(for: .zsh)) + "\n"
        case .fish: ConvoyCommand.completionScript(for: .fish) + "\n"
        }
    }
}
