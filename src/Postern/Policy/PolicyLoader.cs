using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>What came of reading a policy.</summary>
/// <param name="Set">The policy; null where any problem is an error: then the last good one stays.</param>
/// <param name="Problems">Everything that is wrong, warnings too.</param>
/// <param name="Files">Files and folders that went into it, so that a change can be noticed.</param>
internal sealed record PolicyResult(PolicySet? Set, IReadOnlyList<Problem> Problems, IReadOnlyList<string> Files);

/// <summary>Reads, checks and tests a policy: whatever comes out of here as a set is fit to serve.</summary>
internal static class PolicyLoader
{
    private const int MostBytes = YamlReader.MaxBytes;

    /// <param name="paths">Files, or folders of which every <c>*.yaml</c> is read in the order of names.</param>
    /// <param name="issuers">Names of the configured issuers.</param>
    /// <param name="catalogue">What the engines' calls demand.</param>
    public static PolicyResult Load(IReadOnlyList<string> paths, IReadOnlyList<string> issuers, CallCatalogue catalogue)
    {
        var problems = new List<Problem>();
        var sources = new List<PolicySource>();
        foreach (var file in paths.SelectMany(p => Files(p, problems)))
        {
            if (Read(file, problems) is { } text)
            {
                sources.Add(new PolicySource(file, text));
            }
        }

        var parsed = Parse(sources, issuers, catalogue);
        IReadOnlyList<Problem> all = [.. problems, .. parsed.Problems];
        return new PolicyResult(problems.Count == 0 ? parsed.Set : null, all, [.. paths, .. sources.Select(s => s.Name).Except(paths)]);
    }

    public static PolicyResult Parse(IReadOnlyList<PolicySource> sources, IReadOnlyList<string> issuers, CallCatalogue catalogue)
    {
        var document = PolicyReader.Read(sources, issuers, out var problems);
        if (problems.Any(p => p.Severity == Severity.Error))
        {
            return new PolicyResult(null, problems, [.. sources.Select(s => s.Name)]);
        }

        var set = new PolicySet(document);
        problems = [.. problems, .. PolicyChecks.Check(document, catalogue), .. PolicyTestRunner.Run(set, catalogue)];
        return new PolicyResult(problems.Any(p => p.Severity == Severity.Error) ? null : set, problems, [.. sources.Select(s => s.Name)]);
    }

    private static string[] Files(string path, List<Problem> problems)
    {
        if (!Directory.Exists(path))
        {
            return [path];
        }

        try
        {
            var files = Directory.GetFiles(path, "*.yaml").Order(StringComparer.Ordinal).ToArray();
            if (files.Length == 0)
            {
                problems.Add(new Problem("", 0, "the folder holds no *.yaml file") { File = path });
            }

            return files;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new Problem("", 0, $"the folder can't be read: {e.Message}") { File = path });
            return [];
        }
    }

    private static string? Read(string file, List<Problem> problems)
    {
        try
        {
            if (new FileInfo(file).Length <= MostBytes)
            {
                return File.ReadAllText(file);
            }

            problems.Add(new Problem("", 0, $"the file is larger than {MostBytes / 1024 / 1024} MiB") { File = file });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            var text = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"the file can't be read: {e.Message}";
            problems.Add(new Problem("", 0, text) { File = file });
        }

        return null;
    }
}
