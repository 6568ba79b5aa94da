using System.CommandLine;

namespace Postern.Commands;

/// <summary>Options that several verbs take, each meaning the same everywhere.</summary>
internal static class CommonOptions
{
    public static readonly Option<string> Output = new Option<string>("--output", "-o")
    {
        Description = "How results are printed: text, or json for machines.",
        DefaultValueFactory = _ => "text",
        Recursive = true,
    }.AcceptOnlyFromAmong("text", "json");

    public static readonly Option<string> Config = new("--config", "-c")
    {
        Description = "The configuration file. Default: postern.yaml here, otherwise /etc/postern/postern.yaml.",
        DefaultValueFactory = _ => File.Exists("postern.yaml") ? "postern.yaml" : "/etc/postern/postern.yaml",
        HelpName = "file",
    };
}
