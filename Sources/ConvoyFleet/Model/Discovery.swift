/// Instances that are found at run time among the databases of a server.
public struct Discovery: Sendable {
    /// The server's name.
    public var server: String
    /// A glob, `*` and `?`, over database names.
    public var databases: Glob
    /// Globs of databases to leave out.
    public var exclude: [Glob]
    /// The instance's name, with `{database}` and `{server}` filled in.
    public var nameTemplate: String
    /// The database to ask for the list of databases: `maintenance_database`.
    public var maintenanceDatabase: String
    /// What each instance found gets; `database` and `name` are still to be filled in.
    public var template: Instance
    /// Where the file asks for it, counted from 1.
    public var line: Int

    /// A discovery on a server. By default it leaves out no database and names each instance after its database.
    public init(
        server: String,
        databases: Glob,
        exclude: [Glob] = [],
        nameTemplate: String = "{database}",
        maintenanceDatabase: String = "postgres",
        template: Instance,
        line: Int = 1
    ) {
        self.server = server
        self.databases = databases
        self.exclude = exclude
        self.nameTemplate = nameTemplate
        self.maintenanceDatabase = maintenanceDatabase
        self.template = template
        self.line = line
    }
}
