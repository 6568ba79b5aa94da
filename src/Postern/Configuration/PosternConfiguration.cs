namespace Postern.Configuration;

/// <summary>What came of reading a configuration.</summary>
/// <param name="Options">The options; null where any problem is an error.</param>
/// <param name="Report">Collects the file's problems; further checks add theirs, and it finds their lines.</param>
/// <param name="Files">The file itself and all whose content went into it, so that a change of one can be noticed.</param>
internal sealed record ConfigurationResult(PosternOptions? Options, Problems Report, IReadOnlyList<string> Files)
{
    /// <summary>What could be bound, for checks that go on after an error, so that one run reports everything. Never to be served.</summary>
    public PosternOptions? Draft { get; init; }

    /// <summary>Every problem of the file, in its order.</summary>
    public IReadOnlyList<Problem> Problems => Report.Found;
}

/// <summary>Reads <c>postern.yaml</c> whole: parse, bind, validate each block, check what crosses them. Reports everything, not the first thing.</summary>
internal static class PosternConfiguration
{
    /// <summary>Reads a file. Paths in it are relative to its folder.</summary>
    public static ConfigurationResult Load(string path)
    {
        var full = Path.GetFullPath(path);
        var problems = new Problems(path);
        var root = YamlReader.ReadFile(full, problems);
        return Bind(root, problems, Path.GetDirectoryName(full)!, Environment.GetEnvironmentVariable, [full]);
    }

    /// <summary>Reads a text as if it were the file <paramref name="file"/>.</summary>
    public static ConfigurationResult Parse(string text, string file, Func<string, string?> environment)
    {
        var full = Path.GetFullPath(file);
        var problems = new Problems(file);
        return Bind(YamlReader.Read(text, problems), problems, Path.GetDirectoryName(full)!, environment, [full]);
    }

    private static ConfigurationResult Bind(ConfigNode? root, Problems problems, string folder, Func<string, string?> environment, IReadOnlyList<string> files)
    {
        if (root is not ConfigMapping mapping)
        {
            if (root is not null)
            {
                problems.Error("", root.Line, $"the file holds {root.Kind}; it takes a mapping with keys such as listen, engines, identity, policy");
            }

            return new ConfigurationResult(null, problems, files);
        }

        var interpolation = new Interpolation(folder, environment, problems);
        var options = new ConfigBinder(problems, interpolation, folder).Bind<PosternOptions>(mapping);
        PosternOptionsValidator.Validate(options, problems);
        return new ConfigurationResult(problems.HasErrors ? null : options, problems, [.. files, .. interpolation.Files]) { Draft = options };
    }
}
