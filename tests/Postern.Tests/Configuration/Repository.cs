using System.Runtime.CompilerServices;

namespace Postern.Tests.Configuration;

/// <summary>Where the sources lie, for tests that hold documents and samples to the code.</summary>
internal static class Repository
{
    public static string Path(string relative) => System.IO.Path.Combine(Root(), relative);

    public static string Read(string relative) => File.ReadAllText(Path(relative));

    private static string Root([CallerFilePath] string here = "")
    {
        var folder = System.IO.Path.GetDirectoryName(here);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder, "Postern.slnx")))
        {
            folder = System.IO.Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException("The folder with Postern.slnx was not found above " + here);
    }
}
